export { createFileSource } from './source.ts'
