import { type Clock, type Rng, SomaError, isSomaError, throwIfAborted } from '@soma/core'
import { RETRY_AFTER_MS_MAX, RETRY_DELAY_MS, RETRY_DELAY_MS_MAX } from './limits.ts'

export interface RetryDeps {
  readonly clock: Clock
  readonly rng: Rng
}

/** How often, and who hears of it. */
export interface RetryOptions {
  /** Attempts after the first. */
  readonly retries: number
  readonly signal: AbortSignal
  readonly onRetry: (retry: { readonly attempt: number; readonly delayMs: number; readonly reason: string }) => void
  /** Asked after a failure: whether the attempt got far enough for the count to begin anew. */
  readonly progressed?: () => boolean
}

/**
 * Runs `attempt` until it succeeds, fails for good, or the retries are used up: exponential backoff with full jitter
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter), and at least what the source asks for.
 * @throws what `attempt` threw last, with the number of attempts.
 */
export async function withRetries<T>(deps: RetryDeps, options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  for (let failures = 0; ;) {
    try {
      return await attempt()
    } catch (error) {
      throwIfAborted(options.signal)
      if (!mayRetry(error)) throw error
      if (options.progressed?.()) failures = 0
      if (failures >= options.retries) throw exhausted(error, failures + 1)
      failures++
      const delayMs = delayBefore(failures, error, deps.rng)
      options.onRetry({ attempt: failures, delayMs, reason: error.message })
      await deps.clock.sleep(delayMs, { signal: options.signal })
    }
  }
}

/** Only what is the source's fault, and may pass. A full disk is called retryable too, but not within the same second. */
function mayRetry(error: unknown): error is SomaError {
  return isSomaError(error) && error.retryable && error.code.startsWith('source/') && retryAfterMs(error) <= RETRY_AFTER_MS_MAX
}

/** What the source asks for, and then not all at the same moment. */
function delayBefore(attempt: number, error: SomaError, rng: Rng): number {
  const ceiling = Math.min(RETRY_DELAY_MS * 2 ** (attempt - 1), RETRY_DELAY_MS_MAX)
  const asked = retryAfterMs(error)
  return Math.round(asked > 0 ? asked + rng.float() * RETRY_DELAY_MS : rng.float() * ceiling)
}

function retryAfterMs(error: SomaError): number {
  const { retryAfterMs = 0 } = error.details
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0
}

function exhausted(error: SomaError, attempts: number): SomaError {
  if (attempts === 1) return error
  return new SomaError(error.code, `${error.message} (tried ${attempts} times)`, { details: { ...error.details, attempts }, cause: error })
}
