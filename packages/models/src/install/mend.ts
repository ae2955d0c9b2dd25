import type { SomaError } from '@soma/core'
import type { Partial } from '@soma/store'
import type { ChunkFetch } from './chunk-fetch.ts'
import { SPAN_CHUNKS_MAX } from './limits.ts'

/** What fetching everything once more has shown. */
export interface Mended {
  /** What is still wrong with the bytes. */
  readonly problem: SomaError | undefined
  /** Chunks that came different from the first time. */
  readonly changed: readonly number[]
}

/**
 * A download whose bytes are on the disk as they came, and yet not what was promised, was damaged on its way, or is something else.
 * Fetches it once more, some chunks at a time, and compares; as soon as what changed makes the whole right, the rest stays as it is.
 * @param check what is wrong with the whole.
 */
export async function mend(fetch: ChunkFetch, partial: Partial, check: () => Promise<SomaError | undefined>): Promise<Mended> {
  const changed: number[] = []
  const { restarts } = fetch
  for (let begin = 0; begin < partial.chunkCount; begin += SPAN_CHUNKS_MAX) {
    const chunks = Array.from({ length: Math.min(SPAN_CHUNKS_MAX, partial.chunkCount - begin) }, (_, index) => begin + index)
    const before = chunks.map((chunk) => partial.forget(chunk))
    await fetch.run()
    // All of it came again: nothing to compare, and nothing more to fetch.
    if (fetch.restarts > restarts) break
    const different = chunks.filter((chunk, index) => partial.checksum(chunk) !== before[index])
    changed.push(...different)
    if (different.length > 0 && !(await check())) return { problem: undefined, changed }
  }
  return { problem: await check(), changed }
}
