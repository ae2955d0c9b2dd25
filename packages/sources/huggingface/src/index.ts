export { createHuggingFaceSource } from './source.ts'
