import { type Clock, SomaError } from '@soma/core'
import type { EngineDescriptor, ModelPackage } from '@soma/spec'
import { type Deadline, startDeadline } from '../deadline.ts'
import { LOAD_BYTES_PER_MS, LOAD_MS, LOAD_MS_REMOTE } from './limits.ts'

export interface LoadTimeOptions {
  /** Of every load; 0 goes by the engine and the size of its files. */
  readonly loadSecondsMax: number
}

type Files = Pick<ModelPackage, 'name' | 'files'>
type Engine = Pick<EngineDescriptor, 'id' | 'remote'>

/** How long a model may take until it is in memory, in ms: who waits for it, and for its place, must not wait for ever. */
export function loadMsMax(engine: Engine, { files }: Pick<Files, 'files'>, { loadSecondsMax }: LoadTimeOptions): number {
  if (loadSecondsMax > 0) return loadSecondsMax * 1000
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return Math.ceil((engine.remote === true ? LOAD_MS_REMOTE : LOAD_MS) + bytes / LOAD_BYTES_PER_MS)
}

/** Aborts with `signal`, or with `engine/not-ready` when a load has taken too long. */
export function startLoadDeadline(
  clock: Clock,
  { engine, pkg, signal }: { readonly engine: Engine; readonly pkg: Files; readonly signal: AbortSignal },
  options: LoadTimeOptions,
): Deadline {
  const delayMs = loadMsMax(engine, pkg, options)
  const late = (): SomaError => {
    const seconds = Math.round(delayMs / 1000)
    return new SomaError(
      'engine/not-ready',
      `engine ${engine.id} had not loaded model ${pkg.name} after ${seconds} s and was ended; if it needs longer: soma config set models.loadSecondsMax ${2 * seconds}`,
      { details: { engine: engine.id, model: pkg.name, loadMsMax: delayMs } },
    )
  }
  return startDeadline(clock, delayMs, late, signal)
}
