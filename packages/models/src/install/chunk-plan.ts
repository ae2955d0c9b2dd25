import type { Partial } from '@soma/store'
import { SPAN_CHUNKS_MAX } from './limits.ts'

/** A run of chunks that one connection fetches; `end` is exclusive, and Infinity when nobody knows where the file ends. */
export interface Span {
  readonly begin: number
  end: number
}

type Chunks = Pick<Partial, 'isWhole' | 'firstMissing' | 'missingChunks' | 'chunkCount'>

/**
 * Who fetches which chunks. A span is half of a fair share of the rest: long ones first, for few requests, and short ones last, so
 * that all connections end together (guided self-scheduling).
 */
export class ChunkPlan {
  readonly #chunks: Chunks
  readonly #connections: () => number
  readonly #taken = new Set<Span>()
  /** Every chunk before it is whole or taken. */
  #from = 0

  constructor(chunks: Chunks, connections: () => number) {
    this.#chunks = chunks
    this.#connections = connections
  }

  /** The next chunks that nobody has and nobody fetches; undefined when there are none now. */
  take(): Span | undefined {
    const begin = this.#firstFree()
    if (begin >= this.#chunks.chunkCount) return undefined
    const span = { begin, end: begin + 1 }
    const length = this.#share()
    if (this.#chunks.chunkCount === Infinity) span.end = Infinity
    else while (span.end - begin < length && this.#isFree(span.end)) span.end++
    this.#taken.add(span)
    this.#from = span.end
    return span
  }

  /** Gives back what is more than a fair share: the size is known now. */
  cut(span: Span): void {
    span.end = Math.min(span.end, this.#chunks.chunkCount, span.begin + this.#share())
    this.forgotten(span.end)
  }

  /** Adds the chunk behind the span to it, unless somebody has it: its bytes are coming anyway. */
  extend(span: Span): boolean {
    if (!this.#isFree(span.end)) return false
    span.end++
    return true
  }

  /** What is not whole of the span may be taken again. */
  release(span: Span): void {
    this.#taken.delete(span)
    this.forgotten(span.begin)
  }

  /** A chunk that was whole is not any more. */
  forgotten(chunk: number): void {
    this.#from = Math.min(this.#from, chunk)
  }

  #share(): number {
    if (this.#connections() === 1) return Infinity
    const share = Math.ceil(this.#chunks.missingChunks / (2 * this.#connections()))
    return Math.min(Math.max(1, share), SPAN_CHUNKS_MAX)
  }

  #firstFree(): number {
    let chunk = this.#chunks.firstMissing(this.#from)
    for (let holder = this.#holder(chunk); holder; holder = this.#holder(chunk)) chunk = this.#chunks.firstMissing(holder.end)
    return chunk
  }

  #isFree(chunk: number): boolean {
    return chunk < this.#chunks.chunkCount && !this.#chunks.isWhole(chunk) && !this.#holder(chunk)
  }

  #holder(chunk: number): Span | undefined {
    return this.#taken.values().find(({ begin, end }) => chunk >= begin && chunk < end)
  }
}
