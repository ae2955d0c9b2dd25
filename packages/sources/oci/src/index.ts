export { createOciSource } from './source.ts'
