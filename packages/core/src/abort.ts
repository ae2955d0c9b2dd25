import { SomaError, isSomaError } from './error.ts'

/** Throws the signal's reason as a `SomaError` (`call/cancelled` unless the reason is one already). */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal)
}

/** The reason of an aborted signal, as the error its waiters should see. */
export function abortError(signal: AbortSignal): SomaError {
  const reason: unknown = signal.reason
  if (isSomaError(reason)) return reason
  if (reason instanceof Error && reason.name === 'TimeoutError')
    return new SomaError('call/timeout', 'the call took longer than its limit', { cause: reason })
  return new SomaError('call/cancelled', 'the call was cancelled', { cause: reason })
}

/**
 * Waits for `work`, but no longer than until the signal aborts; what it comes to afterwards, nobody hears of.
 * @throws {SomaError} as `abortError`; what `work` throws.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(abortError(signal))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([aborted, work])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
