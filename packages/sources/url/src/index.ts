export { createUrlSource } from './source.ts'
