export { createOpenAiTranslator } from './translator.ts'
