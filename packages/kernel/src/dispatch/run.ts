import { type CallId, type SomaError, abortError, toSomaError } from '@soma/core'
import type { CallContext, CallDefinition, Caller, PackedFrame } from '@soma/spec'
import type { Begun } from '../audit/journal.ts'
import type { CapabilityEntry } from '../capabilities/entry.ts'
import type { StagedEffects } from './effects.ts'

/** Any handler, once the table's types have done their work. */
export type AnyHandler = (input: unknown, ctx: CallContext) => unknown

export interface Arrival {
  readonly callId: CallId
  readonly caller: Caller
  readonly name: string
  readonly rawInput: unknown
  /** `clock.monotonic()`, in ms. */
  readonly startedAt: number
  /** The caller's own signal. */
  readonly signal: AbortSignal | undefined
}

/** One call on its way through the steps. Each step fills in what the later ones need. */
export class Run implements Arrival {
  readonly callId: CallId
  readonly caller: Caller
  readonly name: string
  readonly rawInput: unknown
  readonly startedAt: number
  definition: CallDefinition | undefined = undefined
  handler: AnyHandler | undefined = undefined
  input: unknown = undefined
  /** The input as a frame: its header is what the begin entry digests, its attachments what the end entry does. */
  inputFrame: PackedFrame | undefined = undefined
  inputBytes = 0
  capabilities: readonly CapabilityEntry[] = []
  /** Set by `begin`: from then on an end is owed to the audit log. */
  begun: Begun | undefined = undefined
  effects: StagedEffects | undefined = undefined
  attachments: Promise<string> | string | null = null
  /** What the handler returned: an output, a promise of one, or a stream. */
  outcome: unknown = undefined
  output: unknown = undefined
  error: SomaError | undefined = undefined
  readonly #callerSignal: AbortSignal | undefined
  #abort: AbortController | undefined

  constructor({ callId, caller, name, rawInput, startedAt, signal }: Arrival) {
    this.callId = callId
    this.caller = caller
    this.name = name
    this.rawInput = rawInput
    this.startedAt = startedAt
    this.#callerSignal = signal
  }

  /** Aborted when the caller cancels or `abort` is called. Made when first asked for: most calls are over before they could be. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isAborted(): boolean {
    return this.#callerSignal?.aborted === true || this.#abort?.signal.aborted === true
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason)
  }

  /** Lets go of the caller's signal, which may live longer than the call. */
  unlink(): void {
    if (this.#abort) this.#callerSignal?.removeEventListener('abort', this.#follow)
  }

  /** What the caller is told of a throw: the reason of the abort, if the handler failed because of it. */
  failure(thrown: unknown): SomaError {
    const error = toSomaError(thrown)
    return this.isAborted && (error.code === 'call/cancelled' || error.code === 'internal') ? abortError(this.signal) : error
  }

  get #controller(): AbortController {
    if (this.#abort) return this.#abort
    this.#abort = new AbortController()
    if (this.#callerSignal?.aborted) this.#follow()
    else this.#callerSignal?.addEventListener('abort', this.#follow, { once: true })
    return this.#abort
  }

  readonly #follow = (): void => this.#abort?.abort(this.#callerSignal?.reason)
}
