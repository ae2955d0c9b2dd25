import { type Clock, SomaError, untilAborted } from '@soma/core'
import type { Resolution, Source } from '@soma/spec'
import { startDeadline } from '../deadline.ts'
import { withBoundedWords } from './bounded-words.ts'
import { RESOLVE_MS_MAX } from './limits.ts'

/**
 * What `resolve` finds out of a source, in words of a bounded length and in bounded time: one that sends a byte now and then is never
 * silent, and would hold an install for ever.
 * @throws {SomaError} `source/unavailable`; whatever `resolve` throws.
 */
export async function askSource(
  { clock }: { readonly clock: Clock },
  { source, signal }: { readonly source: Pick<Source, 'scheme'>; readonly signal: AbortSignal },
  resolve: (signal: AbortSignal) => Promise<Resolution>,
): Promise<Resolution> {
  const late = (): SomaError =>
    new SomaError('source/unavailable', `${source.scheme} did not say in ${RESOLVE_MS_MAX / 1000} s what the reference means`, {
      details: { source: source.scheme },
      retryable: false,
    })
  using limit = startDeadline(clock, RESOLVE_MS_MAX, late, signal)
  // Not every source listens to its signal.
  return withBoundedWords(await untilAborted(resolve(limit.signal), limit.signal))
}
