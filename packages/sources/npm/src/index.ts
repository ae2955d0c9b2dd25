export { createNpmSource } from './source.ts'
