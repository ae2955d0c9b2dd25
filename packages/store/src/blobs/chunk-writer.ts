import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { releaseBytes } from '@soma/core'
import { GATHER_BYTES } from '../limits.ts'
import type { ChunkState } from './partial-journal.ts'

/**
 * The bytes of one chunk on their way into the file. They are gathered, and written while the next ones arrive: at most two writes'
 * worth is in memory. One write is under way at any time, so that what is in the file is always a prefix of the chunk.
 */
export class ChunkWriter {
  readonly #handle: FileHandle
  readonly #begin: number
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #writing: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #state: ChunkState
  #written: ChunkState

  /** `begin` is where the chunk lies in the file; `state` what is there of it. */
  constructor(handle: FileHandle, begin: number, state: ChunkState) {
    this.#handle = handle
    this.#begin = begin
    this.#state = state
    this.#written = state
  }

  /** What was taken in. */
  get state(): ChunkState {
    return this.#state
  }

  /** What is in the file. */
  get written(): ChunkState {
    return this.#written
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#throwFailure()
    this.#state = { bytes: this.#state.bytes + bytes.byteLength, crc: crc32(bytes, this.#state.crc) }
    this.#gathered.push(bytes)
    this.#gatheredBytes += bytes.byteLength
    if (this.#gatheredBytes >= GATHER_BYTES) await this.#send()
  }

  /** Everything taken in is in the file when this resolves. */
  async flush(): Promise<void> {
    await this.#send()
    await this.#writing
    this.#throwFailure()
  }

  /** Waits for the write before this one, and starts this one. */
  async #send(): Promise<void> {
    await this.#writing
    this.#throwFailure()
    const [pieces, state] = [this.#gathered, this.#state]
    if (pieces.length === 0) return
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#writing = this.#write(pieces, state).catch((error: unknown) => {
      this.#failure = { error }
    })
  }

  async #write(pieces: Uint8Array[], state: ChunkState): Promise<void> {
    let left = pieces
    for (let position = this.#begin + this.#written.bytes; left.length > 0;) {
      const { bytesWritten } = await this.#handle.writev(left, position)
      position += bytesWritten
      left = after(left, bytesWritten)
    }
    this.#written = state
    for (const piece of pieces) releaseBytes(piece)
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}

/** The pieces without their first `bytes`. */
function after(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes
  return pieces.flatMap((piece) => {
    const gone = Math.min(left, piece.byteLength)
    left -= gone
    return gone === piece.byteLength ? [] : [piece.subarray(gone)]
  })
}
