import type { Hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { releaseBytes } from '@soma/core'
import { BLOB_CHUNK_BYTES, HASH_CHECKPOINT_CHUNKS } from '../limits.ts'
import type { HashAlgorithm } from './blob-store.ts'
import { createHashes } from './file-appender.ts'
import type { ChunkState } from './partial-journal.ts'

type Hashes = ReadonlyMap<HashAlgorithm, Hash>

/** The file that a cursor reads. */
export interface CursorFile {
  readonly chunkBytes: number
  open(): Promise<FileHandle>
  /** What is known of a whole chunk; the same object until that changes. Undefined for others. */
  whole(chunk: number): ChunkState | undefined
  /** The chunk is not on the disk what it was when it came. */
  damaged(chunk: number): void
}

/**
 * Hashes a file from its beginning, chunk after chunk, as they become whole, while later ones still arrive. The bytes are read back
 * from the disk and held against what they were when they came: what is hashed is what is there. In reads of 1 MiB, after each of
 * which other work gets its turn.
 */
export class HashCursor {
  readonly #file: CursorFile
  readonly #algorithms: readonly HashAlgorithm[]
  #hashes: Hashes
  #next = 0
  /** What was hashed before every n-th chunk, so that a changed one costs only what comes after it. */
  #checkpoints: Hashes[] = []
  #memory: Buffer | undefined
  #running: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #stopped = false

  constructor(file: CursorFile, algorithms: readonly HashAlgorithm[]) {
    this.#file = file
    this.#algorithms = algorithms
    this.#hashes = createHashes(algorithms)
  }

  /** Chunks hashed so far. */
  get next(): number {
    return this.#next
  }

  /** Goes on, unless it does already. */
  advance(): void {
    if (this.#stopped || this.#running || !this.#file.whole(this.#next)) return
    this.#running = this.#run()
      .catch((error: unknown) => {
        this.#failure = { error }
      })
      .finally(() => {
        this.#running = undefined
      })
  }

  /** Hashes again from `chunk` on, because it has changed. */
  rewind(chunk: number): void {
    if (chunk >= this.#next) return
    const checkpoint = Math.floor(chunk / HASH_CHECKPOINT_CHUNKS)
    this.#hashes = this.#checkpoints[checkpoint] ?? createHashes(this.#algorithms)
    this.#next = this.#checkpoints[checkpoint] ? checkpoint * HASH_CHECKPOINT_CHUNKS : 0
    this.#checkpoints.length = checkpoint
  }

  /** Resolves when it can go no further for now. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
    this.#release()
    if (!this.#failure) return
    const { error } = this.#failure
    this.#failure = undefined
    throw error
  }

  /** Ends it after the read that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
    this.#release()
  }

  /** Digest of the chunks before `next`, lower-case hex; undefined for an algorithm that is not hashed here. */
  digest(algorithm: HashAlgorithm): string | undefined {
    return this.#hashes.get(algorithm)?.copy().digest('hex')
  }

  #release(): void {
    if (this.#memory) releaseBytes(this.#memory)
    this.#memory = undefined
  }

  async #run(): Promise<void> {
    const handle = await this.#file.open()
    // Kept until it rests: a new one for each chunk would be 1 MiB of garbage for each 4 MiB of download.
    const memory = (this.#memory ??= Buffer.allocUnsafeSlow(Math.min(BLOB_CHUNK_BYTES, this.#file.chunkBytes)))
    for (let state = this.#file.whole(this.#next); state && !this.#stopped; state = this.#file.whole(this.#next)) {
      const [chunk, before] = [this.#next, this.#hashes]
      const hashes = copied(before)
      const crc = await hashChunk(handle, { begin: chunk * this.#file.chunkBytes, sizeBytes: state.bytes, memory }, hashes)
      // Forgotten, or rewound, while it was read.
      if (this.#file.whole(chunk) !== state || this.#next !== chunk || this.#hashes !== before) continue
      if (crc !== state.crc) this.#file.damaged(chunk)
      else this.#accept(chunk, hashes)
    }
  }

  #accept(chunk: number, hashes: Hashes): void {
    if (chunk % HASH_CHECKPOINT_CHUNKS === 0) this.#checkpoints[chunk / HASH_CHECKPOINT_CHUNKS] = this.#hashes
    this.#hashes = hashes
    this.#next = chunk + 1
  }
}

interface Piece {
  readonly begin: number
  readonly sizeBytes: number
  readonly memory: Buffer
}

/** @returns the CRC-32 of what is there; of fewer bytes when the file ends before. */
async function hashChunk(handle: FileHandle, { begin, sizeBytes, memory }: Piece, hashes: Hashes): Promise<number> {
  let crc = 0
  for (let done = 0; done < sizeBytes;) {
    const { bytesRead } = await handle.read(memory, 0, Math.min(memory.length, sizeBytes - done), begin + done)
    if (bytesRead === 0) break
    const bytes = memory.subarray(0, bytesRead)
    crc = crc32(bytes, crc)
    for (const hash of hashes.values()) hash.update(bytes)
    done += bytesRead
  }
  return crc
}

function copied(hashes: Hashes): Hashes {
  return new Map([...hashes].map(([algorithm, hash]) => [algorithm, hash.copy()]))
}
