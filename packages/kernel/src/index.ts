export { createCalls } from './calls.ts'
export { type CreateKernelDeps, type Kernel, createKernel } from './kernel.ts'
