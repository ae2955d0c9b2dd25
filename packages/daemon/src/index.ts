export { type Soma, createSoma } from './create-soma.ts'
export { type InstalledEngine, builtInEngines } from './engines.ts'
export type { SomaOptions } from './options.ts'
