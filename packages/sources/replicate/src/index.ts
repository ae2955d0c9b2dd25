export { createReplicateSource } from './source.ts'
