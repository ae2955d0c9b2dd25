export { createOpenAiTranslator } from './face.ts'
