import { type Hash, createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { BLOB_CHUNK_BYTES, SYNC_EVERY_BYTES } from '../limits.ts'
import type { HashAlgorithm } from './blob-store.ts'

/**
 * Appends to a file in writes of 1 MiB and hashes the same bytes meanwhile, on this thread, while the write runs on another.
 * Two buffers: one is filled while the other is on its way, which bounds memory. Only one write is under way at any time, so
 * that the file is always a prefix of what was appended, whenever the process dies.
 */
export class FileAppender {
  readonly #handle: FileHandle
  readonly #hashes: Map<HashAlgorithm, Hash>
  #filling = Buffer.allocUnsafeSlow(BLOB_CHUNK_BYTES)
  #spare = Buffer.allocUnsafeSlow(BLOB_CHUNK_BYTES)
  #filled = 0
  #written: number
  #unsynced = 0
  #writing: Promise<void> | undefined
  #syncing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  /** `hashes` have taken in what the file holds already, up to `position`. */
  constructor(handle: FileHandle, start: { readonly position: number; readonly hashes: Map<HashAlgorithm, Hash> }) {
    this.#handle = handle
    this.#written = start.position
    this.#hashes = start.hashes
  }

  /** Bytes in the file or on their way to it. */
  get sizeBytes(): number {
    return this.#written + this.#filled
  }

  /** Resolves when `chunk` may be reused; the bytes may still be in a buffer. */
  async append(chunk: Uint8Array): Promise<void> {
    let rest = chunk
    while (rest.byteLength > 0) {
      this.#throwFailure()
      if (this.#filled === 0 && rest.byteLength >= BLOB_CHUNK_BYTES) rest = await this.#writeThrough(rest)
      else rest = this.#fill(rest)
      if (this.#filled === BLOB_CHUNK_BYTES) await this.#sendBuffer()
    }
  }

  #fill(bytes: Uint8Array): Uint8Array {
    const taken = Math.min(bytes.byteLength, BLOB_CHUNK_BYTES - this.#filled)
    this.#filling.set(bytes.subarray(0, taken), this.#filled)
    this.#filled += taken
    return bytes.subarray(taken)
  }

  /** Large chunks are written from where they are. */
  async #writeThrough(bytes: Uint8Array): Promise<Uint8Array> {
    await this.#send(bytes.subarray(0, BLOB_CHUNK_BYTES))
    await this.#settle()
    return bytes.subarray(BLOB_CHUNK_BYTES)
  }

  async #sendBuffer(): Promise<void> {
    const full = this.#filling.subarray(0, this.#filled)
    this.#filled = 0
    ;[this.#filling, this.#spare] = [this.#spare, this.#filling]
    await this.#send(full)
  }

  /** Waits for the write before this one, starts this one, and hashes while it runs. */
  async #send(bytes: Uint8Array): Promise<void> {
    await this.#settle()
    const position = this.#written
    this.#written += bytes.byteLength
    this.#writing = this.#write(bytes, position).catch((error: unknown) => {
      this.#failure ??= { error }
    })
    for (const hash of this.#hashes.values()) hash.update(bytes)
  }

  async #write(bytes: Uint8Array, begin: number): Promise<void> {
    for (let done = 0; done < bytes.byteLength;)
      done += (await this.#handle.write(bytes, done, bytes.byteLength - done, begin + done)).bytesWritten
    this.#syncInBackground(bytes.byteLength)
  }

  #syncInBackground(writtenBytes: number): void {
    this.#unsynced += writtenBytes
    if (this.#unsynced < SYNC_EVERY_BYTES || this.#syncing) return
    this.#unsynced = 0
    this.#syncing = this.#handle.datasync().then(
      () => {
        this.#syncing = undefined
      },
      (error: unknown) => {
        this.#failure ??= { error }
      },
    )
  }

  async #settle(): Promise<void> {
    await this.#writing
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  /** Everything appended is in the file when this resolves. */
  async flush(): Promise<void> {
    if (this.#filled > 0) await this.#sendBuffer()
    await this.#settle()
  }

  /** Everything appended is on disk when this resolves. */
  async sync(): Promise<void> {
    await this.flush()
    await this.#syncing
    this.#throwFailure()
    await this.#handle.sync()
  }

  /** Waits for what is under way, whatever becomes of it: the handle may be closed then. */
  async idle(): Promise<void> {
    await this.#writing
    await this.#syncing
  }

  /** Digest of everything flushed, lower-case hex, or undefined for an algorithm that is not hashed here. */
  digest(algorithm: HashAlgorithm): string | undefined {
    return this.#hashes.get(algorithm)?.copy().digest('hex')
  }
}

export function createHashes(algorithms: Iterable<HashAlgorithm>): Map<HashAlgorithm, Hash> {
  return new Map(Array.from(algorithms, (algorithm) => [algorithm, createHash(algorithm)]))
}
