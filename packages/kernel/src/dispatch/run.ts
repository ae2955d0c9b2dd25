import { type CallId, type SomaError, abortError, toSomaError } from '@soma/core'
import type { CallContext, CallDefinition, Caller, PackedFrame } from '@soma/spec'
import type { CapabilityEntry } from '../capabilities/entry.ts'
import type { StagedEffects } from './effects.ts'

/** Any handler, once the table's types have done their work. */
export type AnyHandler = (input: unknown, ctx: CallContext) => unknown

/** One call on its way through the steps. Each step fills in what the later ones need. */
export interface Run {
  readonly callId: CallId
  readonly caller: Caller
  readonly name: string
  readonly rawInput: unknown
  readonly abort: AbortController
  /** `clock.monotonic()` at arrival, in ms. */
  readonly startedAt: number
  definition?: CallDefinition
  handler?: AnyHandler
  input?: unknown
  /** The input as a frame: its header is what the begin entry digests, its attachments what the end entry does. */
  inputFrame?: PackedFrame
  inputBytes: number
  capabilities: readonly CapabilityEntry[]
  effects?: StagedEffects
  /** Set once the begin entry is noted: from then on an end entry is owed. */
  begun: boolean
  attachments?: Promise<string> | string | null
  /** What the handler returned: an output, a promise of one, or a stream. */
  outcome?: unknown
  output?: unknown
  error?: SomaError
}

/** What the caller is told: the reason of the abort, if the handler failed because of it. */
export function failure(run: Run, thrown: unknown): SomaError {
  const error = toSomaError(thrown)
  return run.abort.signal.aborted && (error.code === 'call/cancelled' || error.code === 'internal') ? abortError(run.abort.signal) : error
}
