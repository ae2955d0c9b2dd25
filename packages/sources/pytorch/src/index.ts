export { createPytorchSource } from './source.ts'
