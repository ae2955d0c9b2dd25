import type { EngineDescriptor } from '@soma/spec'
import { MEMORY_PER_FILE_BYTE } from './limits.ts'

/** What this machine has to run models with. */
export interface Machine {
  readonly engines: ReadonlyArray<Pick<EngineDescriptor, 'id' | 'formats'>>
  readonly memoryBytes: number
}

/** Whether a model runs here, and why not. */
export interface Fit {
  readonly runs: 'yes' | 'no' | 'unknown'
  readonly reason: string
}

/** By what a search knows of a model: its formats and its size. */
export function fitOf(model: { readonly formats?: readonly string[]; readonly sizeBytes?: number }, machine: Machine): Fit {
  const { formats = [], sizeBytes } = model
  if (formats.length === 0) return { runs: 'unknown', reason: 'its format is not known before it is here' }
  if (enginesFor(formats, machine.engines).length === 0) return { runs: 'no', reason: `no engine here loads ${formats.join(' or ')}` }
  if (sizeBytes === undefined) return { runs: 'unknown', reason: 'its size is not known' }
  const neededBytes = sizeBytes * MEMORY_PER_FILE_BYTE
  if (neededBytes > machine.memoryBytes)
    return { runs: 'no', reason: `needs ${gigabytes(neededBytes)} of memory; there are ${gigabytes(machine.memoryBytes)}` }
  return { runs: 'yes', reason: '' }
}

/** Ids of the engines that load one of the formats. */
export function enginesFor(formats: readonly string[], engines: Machine['engines']): string[] {
  return engines.filter((engine) => engine.formats.some((format) => formats.includes(format))).map(({ id }) => id)
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`
}
