import { createHash, hash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { type FileHandle, chmod, constants, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SomaError, assert } from '@soma/core'
import { hasErrorCode, translateFileError } from '../files.ts'
import { KEY_LENGTH_MAX, PARTIAL_CHUNK_BYTES, PARTIAL_CHUNK_BYTES_MAX, PARTIAL_CHUNK_BYTES_MIN, SYNC_EVERY_BYTES } from '../limits.ts'
import { type BlobFolders, blobDigest } from './blob-folders.ts'
import type { BlobPlacer } from './blob-placer.ts'
import type { BlobWriteOptions, HashAlgorithm, Partial, PartialOptions, StoredBlob } from './blob-store.ts'
import { ChunkTable } from './chunk-table.ts'
import { ChunkWriter } from './chunk-writer.ts'
import { checkExpected } from './expectation.ts'
import { readChunks, hashFile } from './file-chunks.ts'
import { HashCursor } from './hash-cursor.ts'
import { type JournalHeader, PartialJournal } from './partial-journal.ts'

export interface PartialParts {
  readonly folders: BlobFolders
  readonly placer: BlobPlacer
  /** Names of the partials somebody holds. */
  readonly open: Set<string>
}

/** Names of the two files of a partial. */
export const PARTIAL_SUFFIX = '.part'
export const JOURNAL_SUFFIX = '.journal'

/** A partial as two files: the bytes, each chunk in its place, and the journal. Files are open only while something is done with them. */
export class DiskPartial implements Partial {
  readonly #parts: PartialParts
  readonly #key: string
  readonly #name: string
  readonly #chunks: ChunkTable
  readonly #journal: PartialJournal
  readonly #cursor: HashCursor
  readonly #writers = new Map<number, ChunkWriter>()
  /** Chunks that were damaged on the disk since the last `settle`. */
  readonly #damaged: number[] = []
  #validator: string | undefined
  #handle: Promise<FileHandle> | undefined
  #syncing: Promise<void> | undefined
  #unsyncedBytes = 0
  /** Something may be on the disk that a restart must remove. */
  #isUsed: boolean
  #isOpen = true

  private constructor(parts: PartialParts, start: PartialStart) {
    this.#parts = parts
    this.#key = start.key
    this.#name = start.name
    this.#chunks = start.chunks
    this.#validator = start.validator
    this.#isUsed = start.isUsed
    this.#journal = new PartialJournal(this.#path(JOURNAL_SUFFIX), start.isResumed)
    this.#cursor = new HashCursor(
      {
        chunkBytes: start.chunks.chunkBytes,
        open: () => this.#open(),
        whole: (chunk) => this.#chunks.whole(chunk),
        damaged: (chunk) => this.#damaged.push(chunk) && this.forget(chunk),
      },
      start.algorithms,
    )
  }

  static async open(parts: PartialParts, key: string, options: PartialOptions): Promise<DiskPartial> {
    const { algorithms = ['sha256'], chunkBytes = PARTIAL_CHUNK_BYTES } = options
    if (key.length > KEY_LENGTH_MAX) throw keyTooLong(key.length)
    assert(chunkBytes >= PARTIAL_CHUNK_BYTES_MIN && chunkBytes <= PARTIAL_CHUNK_BYTES_MAX, `${chunkBytes} is no size for chunks`)
    const name = hash('sha256', key)
    assert(!parts.open.has(name), `partial "${key}" has one holder at a time`)
    parts.open.add(name)
    try {
      return new DiskPartial(parts, { key, name, algorithms, ...(await readState(parts.folders, name, { key, chunkBytes })) })
    } catch (error) {
      parts.open.delete(name)
      throw translateFileError(error, 'begin a download')
    }
  }

  get path(): string {
    return this.#path(PARTIAL_SUFFIX)
  }

  get chunkBytes(): number {
    return this.#chunks.chunkBytes
  }

  get sizeBytes(): number | undefined {
    return this.#chunks.sizeBytes
  }

  get validator(): string | undefined {
    return this.#validator
  }

  get receivedBytes(): number {
    return this.#writers
      .entries()
      .reduce((sum, [chunk, { state }]) => sum + state.bytes - this.#chunks.bytes(chunk), this.#chunks.totalBytes)
  }

  get chunkCount(): number {
    return this.#chunks.count
  }

  get missingChunks(): number {
    return this.#chunks.missing
  }

  filled(chunk: number): number {
    return this.#writers.get(chunk)?.state.bytes ?? this.#chunks.bytes(chunk)
  }

  isWhole(chunk: number): boolean {
    return this.#chunks.whole(chunk) !== undefined
  }

  firstMissing(begin = 0): number {
    return this.#chunks.firstMissing(begin)
  }

  checksum(chunk: number): number | undefined {
    return this.#chunks.whole(chunk)?.crc
  }

  async setSize(sizeBytes: number): Promise<void> {
    this.#checkOpen()
    if (sizeBytes === this.sizeBytes) return
    await this.#attempt(async () => {
      for (const [chunk, writer] of this.#writers) await this.#finish(chunk, writer)
      this.#chunks.setSize(sizeBytes)
      this.#cursor.rewind(Math.floor(sizeBytes / this.chunkBytes))
      this.#cursor.advance()
    })
  }

  async restart(validator: string | undefined): Promise<void> {
    this.#checkOpen()
    await this.#attempt(async () => {
      for (const chunk of this.#writers.keys()) await this.#drop(chunk)
      this.#chunks.clear()
      this.#cursor.rewind(0)
      this.#validator = validator
      if (!this.#isUsed) return
      // The journal first: bytes that it does not know are nothing.
      await this.#journal.clear()
      await (await this.#open()).truncate(0)
    })
  }

  async append(chunk: number, bytes: Uint8Array): Promise<void> {
    this.#checkOpen()
    await this.#attempt(async () => {
      const writer = await this.#writer(chunk)
      assert(writer.state.bytes + bytes.byteLength <= this.#chunks.lengthOf(chunk), `these bytes are not all of chunk ${chunk}`)
      await writer.append(bytes)
      if (writer.state.bytes === this.#chunks.lengthOf(chunk)) await this.#finish(chunk, writer)
    })
  }

  forget(chunk: number): number | undefined {
    this.#checkOpen()
    const state = this.#chunks.whole(chunk)
    this.#chunks.set(chunk, { bytes: 0, crc: 0 })
    this.#cursor.rewind(chunk)
    // Should the line not come to the disk: a chunk that is wrong is found once more.
    if (state) this.#journal.append(this.#header, chunk, { bytes: 0, crc: 0 }).catch(() => undefined)
    return state?.crc
  }

  async chunkDigest(chunk: number): Promise<string> {
    const begin = chunk * this.chunkBytes
    const whole = createHash('sha256')
    for await (const bytes of readChunks(this.path, { begin, end: begin + this.#chunks.bytes(chunk) })) whole.update(bytes)
    return whole.digest('hex')
  }

  async settle(): Promise<readonly number[]> {
    this.#checkOpen()
    return this.#attempt(async () => {
      for (const [chunk, writer] of this.#writers) await this.#finish(chunk, writer)
      this.#cursor.advance()
      await this.#cursor.idle()
      if (this.#chunks.missing === 0) await this.#cutTail()
      await this.#closeFiles()
      return this.#damaged.splice(0)
    })
  }

  async digest(algorithm: HashAlgorithm): Promise<string> {
    assert(this.#cursor.next === this.#chunks.count, 'a download is hashed when it has settled, whole')
    const known = this.#cursor.digest(algorithm)
    if (known !== undefined) return known
    const whole = createHash(algorithm)
    await hashFile(this.path, [whole])
    return whole.digest('hex')
  }

  async commit(options: BlobWriteOptions = {}): Promise<StoredBlob> {
    this.#checkOpen()
    const blob = { digest: blobDigest(await this.digest('sha256')), sizeBytes: this.#chunks.totalBytes }
    checkExpected(blob, options.expected)
    await this.#attempt(async () => {
      await this.#syncing
      const handle = await this.#open()
      await handle.sync()
      await handle.chmod(0o444)
      await this.#closeFiles()
    })
    using held = this.#parts.placer.hold()
    const stored = await this.#parts.placer.place(this.path, blob, [held, options.lease])
    await this.discard()
    return stored
  }

  async discard(): Promise<void> {
    this.#checkOpen()
    for (const writer of this.#writers.values()) await writer.flush().catch(() => undefined)
    await this.#close()
    for (const suffix of [PARTIAL_SUFFIX, JOURNAL_SUFFIX]) rmSync(this.#path(suffix), { force: true })
    this.#parts.open.delete(this.#name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return
    // What cannot be written now is downloaded again.
    for (const [chunk, writer] of this.#writers) await this.#finish(chunk, writer).catch(() => undefined)
    await this.#close()
    this.#parts.open.delete(this.#name)
  }

  async #close(): Promise<void> {
    this.#isOpen = false
    await this.#cursor.stop()
    await this.#closeFiles()
  }

  async #closeFiles(): Promise<void> {
    await this.#syncing?.catch(() => undefined)
    await this.#journal.close()
    const handle = this.#handle
    this.#handle = undefined
    await (await handle)?.close()
  }

  get #header(): JournalHeader {
    return { key: this.#key, chunkBytes: this.chunkBytes, validator: this.#validator }
  }

  async #writer(chunk: number): Promise<ChunkWriter> {
    const handle = await this.#open()
    const writer = this.#writers.get(chunk) ?? new ChunkWriter(handle, chunk * this.chunkBytes, this.#chunks.get(chunk))
    this.#writers.set(chunk, writer)
    return writer
  }

  /** Puts what a writer has into the file, and then on record. */
  async #finish(chunk: number, writer: ChunkWriter): Promise<void> {
    this.#writers.delete(chunk)
    await writer.flush()
    this.#chunks.set(chunk, writer.written)
    await this.#journal.append(this.#header, chunk, writer.written)
    this.#syncInBackground(writer.written.bytes)
    this.#cursor.advance()
  }

  async #drop(chunk: number): Promise<void> {
    const writer = this.#writers.get(chunk)
    this.#writers.delete(chunk)
    await writer?.flush().catch(() => undefined)
  }

  /** So that the last fsync has little left to do. Its failure is found by that one. */
  #syncInBackground(writtenBytes: number): void {
    this.#unsyncedBytes += writtenBytes
    if (this.#unsyncedBytes < SYNC_EVERY_BYTES || this.#syncing) return
    this.#unsyncedBytes = 0
    this.#syncing = this.#open()
      .then(async (handle) => handle.datasync())
      .catch(() => undefined)
      .finally(() => {
        this.#syncing = undefined
      })
  }

  /** What an earlier attempt wrote beyond the end. */
  async #cutTail(): Promise<void> {
    const handle = await this.#open()
    const { size } = await handle.stat()
    if (size > this.#chunks.totalBytes) await handle.truncate(this.#chunks.totalBytes)
  }

  #open(): Promise<FileHandle> {
    this.#isUsed = true
    return (this.#handle ??= openData(this.path))
  }

  #path(suffix: string): string {
    return join(this.#parts.folders.partials, this.#name + suffix)
  }

  async #attempt<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action()
    } catch (error) {
      throw translateFileError(error, 'go on with a download')
    }
  }

  #checkOpen(): void {
    assert(this.#isOpen, 'a partial is not used after it was committed, discarded or disposed')
  }
}

interface PartialState {
  readonly chunks: ChunkTable
  readonly validator: string | undefined
  /** The journal is there and goes for what is appended. */
  readonly isResumed: boolean
  readonly isUsed: boolean
}

interface PartialStart extends PartialState {
  readonly key: string
  readonly name: string
  readonly algorithms: readonly HashAlgorithm[]
}

/** Bytes of which it is not known what they are of are not worth resuming. */
async function readState(folders: BlobFolders, name: string, own: { key: string; chunkBytes: number }): Promise<PartialState> {
  const [data, journal] = [PARTIAL_SUFFIX, JOURNAL_SUFFIX].map((suffix) => join(folders.partials, name + suffix))
  const found = await PartialJournal.read(journal ?? '')
  const isUsed = found !== undefined || (await exists(data ?? '')) || (await exists(journal ?? ''))
  const fits = found !== undefined && found.header.key === own.key && found.header.chunkBytes === own.chunkBytes
  if (fits) return { chunks: new ChunkTable(own.chunkBytes, found.chunks), validator: found.header.validator, isResumed: true, isUsed }
  if (isUsed) for (const path of [journal, data]) rmSync(path ?? '', { force: true })
  return { chunks: new ChunkTable(own.chunkBytes), validator: undefined, isResumed: false, isUsed: false }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}

/** A crash in the midst of a commit leaves the file read-only. */
async function openData(path: string): Promise<FileHandle> {
  try {
    await chmod(path, 0o600)
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error
  }
  return open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
}

function keyTooLong(length: number): SomaError {
  return new SomaError('call/too-large', `the key of a download is ${length} characters long; the limit is ${KEY_LENGTH_MAX}`, {
    details: { length, lengthMax: KEY_LENGTH_MAX },
  })
}
