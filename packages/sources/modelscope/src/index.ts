export { createModelScopeSource } from './source.ts'
