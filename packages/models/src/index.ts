export { type Models, type ModelsDeps, createModels } from './create-models.ts'
export type { InstalledFile, InstalledModel, Registry, Running } from './ports.ts'
export type { EngineEntry } from './runtime/engine-connection.ts'
export type { ProcessStatus } from './runtime/runtime.ts'
