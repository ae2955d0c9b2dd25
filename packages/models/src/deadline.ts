import type { Clock, SomaError } from '@soma/core'

/** A signal with an end: aborts with `error()` after `delayMs`, or with `signal` before. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal
  /** True once the time was up. */
  readonly passed: boolean
}

export function startDeadline(clock: Clock, delayMs: number, error: () => SomaError, signal?: AbortSignal): Deadline {
  const timeout = new AbortController()
  const timer = clock.schedule(delayMs, () => timeout.abort(error()))
  return {
    signal: signal ? AbortSignal.any([signal, timeout.signal]) : timeout.signal,
    get passed() {
      return timeout.signal.aborted
    },
    [Symbol.dispose]: () => timer[Symbol.dispose](),
  }
}
