export { createOllamaSource } from './source.ts'
