export { type IpcFace, type IpcFaceDeps, type IpcFaceOptions, createIpcFace } from './face.ts'
export type { IpcLimits } from './limits.ts'
export { HELLO, type Hello, IPC_PROTOCOL } from './protocol.ts'
