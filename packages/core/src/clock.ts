/** Time as a dependency, so that the simulator can own it. */
export interface Clock {
  /** Wall time in milliseconds since the epoch. Can jump; only for timestamps. */
  now(): number
  /** Milliseconds that never go back, with fractions. For durations and deadlines. */
  monotonic(): number
  /** Runs `callback` once after `delayMs`. The timer does not keep the process alive. */
  schedule(delayMs: number, callback: () => void): Disposable
  /** Resolves after `delayMs`; rejects with the signal's reason, as `abortError` types it, when aborted. */
  sleep(delayMs: number, options?: { readonly signal?: AbortSignal | undefined }): Promise<void>
}
