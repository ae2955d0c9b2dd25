import { assert } from '@soma/core'
import type { ChunkState } from './partial-journal.ts'

const NOTHING: ChunkState = { bytes: 0, crc: 0 }

/** What is known of each chunk of a file. */
export class ChunkTable {
  readonly chunkBytes: number
  readonly #states: Map<number, ChunkState>
  #sizeBytes: number | undefined
  #totalBytes = 0
  #wholeCount = 0

  constructor(chunkBytes: number, states: Map<number, ChunkState> = new Map()) {
    this.chunkBytes = chunkBytes
    this.#states = states
    this.#recount()
  }

  get sizeBytes(): number | undefined {
    return this.#sizeBytes
  }

  /** Bytes of all chunks. */
  get totalBytes(): number {
    return this.#totalBytes
  }

  /** How many chunks the file has; Infinity while its size is unknown. */
  get count(): number {
    return this.#sizeBytes === undefined ? Infinity : Math.ceil(this.#sizeBytes / this.chunkBytes)
  }

  get missing(): number {
    return this.count - this.#wholeCount
  }

  /** Bytes that the chunk has when it is whole; 0 beyond the end. */
  lengthOf(chunk: number): number {
    return Math.max(0, Math.min(this.chunkBytes, (this.#sizeBytes ?? Infinity) - chunk * this.chunkBytes))
  }

  get(chunk: number): ChunkState {
    return this.#states.get(chunk) ?? NOTHING
  }

  bytes(chunk: number): number {
    return this.get(chunk).bytes
  }

  /** The chunk's state when all of it is there. */
  whole(chunk: number): ChunkState | undefined {
    const state = this.#states.get(chunk)
    return state && state.bytes === this.lengthOf(chunk) ? state : undefined
  }

  firstMissing(begin: number): number {
    let chunk = begin
    while (this.whole(chunk)) chunk++
    return chunk
  }

  set(chunk: number, state: ChunkState): void {
    this.#count(chunk, -1)
    if (state.bytes > 0) this.#states.set(chunk, state)
    else this.#states.delete(chunk)
    this.#count(chunk, 1)
  }

  clear(): void {
    this.#states.clear()
    this.#sizeBytes = undefined
    this.#recount()
  }

  /** What does not fit the size is forgotten. */
  setSize(sizeBytes: number): void {
    assert(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0, `${sizeBytes} is no size`)
    if (this.#sizeBytes === sizeBytes) return
    this.#sizeBytes = sizeBytes
    this.#recount()
  }

  #recount(): void {
    this.#totalBytes = 0
    this.#wholeCount = 0
    for (const [chunk, { bytes }] of this.#states) {
      const fits = Number.isSafeInteger(chunk) && chunk >= 0 && bytes > 0 && bytes <= this.lengthOf(chunk)
      if (fits) this.#count(chunk, 1)
      else this.#states.delete(chunk)
    }
  }

  #count(chunk: number, sign: 1 | -1): void {
    this.#totalBytes += sign * this.bytes(chunk)
    if (this.whole(chunk)) this.#wholeCount += sign
  }
}
