export { createAxonSource } from './source.ts'
