export { createPypiSource } from './source.ts'
