import { type Clock, SomaError } from '@soma/core'
import type { CallOutput, Priority } from '@soma/spec'
import { startDeadline } from '../deadline.ts'
import type { EngineProcess } from './engine-process.ts'
import type { Seat } from './scheduler.ts'

export type Timings = CallOutput<'model.infer'>['timings']

/** Who calls, how urgent it is, and for how long the caller waits. */
export interface CallOptions {
  readonly signal: AbortSignal
  /** The owner when absent. */
  readonly principal?: string | undefined
  readonly priority?: Priority | undefined
  /** It asked for more than that; its capability allows no more. */
  readonly isLowered?: boolean
  readonly deadlineMs?: number | undefined
}

/** A call from its arrival to its answer, however many turns that takes. */
export interface Call extends Disposable {
  readonly model: string
  /** Aborts with the caller's, and with `call/timeout` when its time is up. */
  readonly signal: AbortSignal
  readonly beganAt: number
  readonly options: CallOptions
}

export function startCall(clock: Clock, model: string, options: CallOptions): Call {
  const { signal, deadlineMs } = options
  const call = { model, beganAt: clock.monotonic(), options }
  if (deadlineMs === undefined) return { ...call, signal, [Symbol.dispose]: () => undefined }
  const late = (): SomaError =>
    new SomaError('call/timeout', `the call of model ${model} had not ended after ${deadlineMs} ms`, { details: { model, deadlineMs } })
  const deadline = startDeadline(clock, deadlineMs, late, signal)
  return { ...call, signal: deadline.signal, [Symbol.dispose]: () => deadline[Symbol.dispose]() }
}

/** One call's time with a model in memory. */
export class Turn implements Disposable {
  readonly process: EngineProcess
  /** Of this turn alone. */
  readonly waits: { readonly signal: AbortSignal }
  readonly #clock: Clock
  readonly #leave: () => void
  readonly #known: Omit<Timings, 'runMs'>
  readonly #enteredAt: number
  #firstAt: number | undefined

  constructor(
    clock: Clock,
    { process, loadMs }: Seat<EngineProcess>,
    call: { readonly waits: Turn['waits'] } & Pick<Call, 'beganAt' | 'options'>,
    leave: () => void,
  ) {
    this.process = process
    this.waits = call.waits
    this.#clock = clock
    this.#leave = leave
    this.#enteredAt = clock.monotonic()
    const { priority, isLowered = false } = call.options
    const queueMs = Math.max(0, this.#enteredAt - call.beganAt - loadMs)
    this.#known = { queueMs, loadMs, ...(isLowered && priority && { priority }) }
  }

  /** The first piece of the answer is there. */
  sawFirst(): void {
    this.#firstAt ??= this.#clock.monotonic()
  }

  timings(): Timings {
    const runMs = this.#clock.monotonic() - this.#enteredAt
    return { ...this.#known, runMs, ...(this.#firstAt !== undefined && { firstMs: this.#firstAt - this.#enteredAt }) }
  }

  [Symbol.dispose](): void {
    this.#leave()
  }
}
