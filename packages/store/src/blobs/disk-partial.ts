import { createHash, hash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { type FileHandle, chmod, constants, open } from 'node:fs/promises'
import { join } from 'node:path'
import { SomaError, assert } from '@soma/core'
import { hasErrorCode, readSmallFile, translateFileError, writeFileDurably } from '../files.ts'
import { KEY_LENGTH_MAX, SIDECAR_BYTES_MAX } from '../limits.ts'
import { type BlobFolders, blobDigest } from './blob-folders.ts'
import type { BlobPlacer } from './blob-placer.ts'
import type { BlobWriteOptions, HashAlgorithm, Partial, StoredBlob } from './blob-store.ts'
import { checkExpected } from './expectation.ts'
import { FileAppender, createHashes } from './file-appender.ts'
import { hashFile } from './file-chunks.ts'

export interface PartialParts {
  readonly folders: BlobFolders
  readonly placer: BlobPlacer
  /** Names of the partials somebody holds. */
  readonly open: Set<string>
}

/** Names of the two files of a partial. */
export const PARTIAL_SUFFIX = '.part'
export const SIDECAR_SUFFIX = '.json'

/**
 * A partial as two files: the bytes, always a prefix of what is wanted, and a sidecar with the key and the validator. The
 * sidecar is replaced atomically, and only after the bytes it does not describe are gone: no crash pairs old bytes with a new
 * validator.
 */
export class DiskPartial implements Partial {
  readonly #parts: PartialParts
  readonly #key: string
  readonly #name: string
  readonly #handle: FileHandle
  readonly #algorithms: readonly HashAlgorithm[]
  /** Made by the first use, because it must hash what is there already. */
  #appender: FileAppender | undefined
  #sizeAtStart: number
  #validator: string | undefined
  #isOpen = true

  private constructor(parts: PartialParts, start: PartialStart) {
    this.#parts = parts
    this.#key = start.key
    this.#name = start.name
    this.#handle = start.handle
    this.#sizeAtStart = start.sizeBytes
    this.#validator = start.validator
    this.#algorithms = start.algorithms
  }

  static async open(parts: PartialParts, key: string, algorithms: readonly HashAlgorithm[]): Promise<DiskPartial> {
    if (key.length > KEY_LENGTH_MAX) throw keyTooLong(key.length)
    const name = hash('sha256', key)
    assert(!parts.open.has(name), `partial "${key}" has one holder at a time`)
    parts.open.add(name)
    try {
      return new DiskPartial(parts, { key, name, algorithms, ...(await openFiles(parts.folders, name, key)) })
    } catch (error) {
      parts.open.delete(name)
      throw translateFileError(error, 'begin a download')
    }
  }

  get path(): string {
    return join(this.#parts.folders.partials, this.#name + PARTIAL_SUFFIX)
  }

  get sizeBytes(): number {
    return this.#appender?.sizeBytes ?? this.#sizeAtStart
  }

  get validator(): string | undefined {
    return this.#validator
  }

  async restart(validator: string | undefined): Promise<void> {
    this.#checkOpen()
    await this.#appender?.idle()
    this.#appender = undefined
    this.#sizeAtStart = 0
    await this.#handle.truncate(0)
    await this.#handle.sync()
    await this.setValidator(validator)
  }

  async setValidator(validator: string | undefined): Promise<void> {
    this.#checkOpen()
    const text = JSON.stringify({ key: this.#key, validator })
    writeFileDurably(sidecarPath(this.#parts.folders, this.#name), text, { temporary: this.#parts.folders.temporary })
    this.#validator = validator
  }

  async append(chunk: Uint8Array): Promise<void> {
    await this.#attempt(async (appender) => appender.append(chunk))
  }

  async flush(): Promise<void> {
    await this.#attempt(async (appender) => appender.flush())
  }

  async digest(algorithm: HashAlgorithm): Promise<string> {
    await this.flush()
    const known = this.#appender?.digest(algorithm)
    if (known !== undefined) return known
    const whole = createHash(algorithm)
    await hashFile(this.path, [whole])
    return whole.digest('hex')
  }

  async commit(options: BlobWriteOptions = {}): Promise<StoredBlob> {
    const blob = { digest: blobDigest(await this.digest('sha256')), sizeBytes: this.sizeBytes }
    checkExpected(blob, options.expected)
    await this.#attempt(async (appender) => appender.sync())
    await this.#handle.chmod(0o444)
    using held = this.#parts.placer.hold()
    const stored = await this.#parts.placer.place(this.path, blob, [held, options.lease])
    await this.discard()
    return stored
  }

  async discard(): Promise<void> {
    this.#checkOpen()
    await this.#close()
    rmSync(this.path, { force: true })
    rmSync(sidecarPath(this.#parts.folders, this.#name), { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return
    // What cannot be written now is downloaded again.
    await this.#appender?.flush().catch(() => undefined)
    await this.#close()
  }

  async #close(): Promise<void> {
    this.#isOpen = false
    await this.#appender?.idle()
    await this.#handle.close()
    this.#parts.open.delete(this.#name)
  }

  async #attempt(action: (appender: FileAppender) => Promise<void>): Promise<void> {
    this.#checkOpen()
    try {
      this.#appender ??= await this.#resume()
      await action(this.#appender)
    } catch (error) {
      throw translateFileError(error, 'go on with a download')
    }
  }

  async #resume(): Promise<FileAppender> {
    const hashes = createHashes(this.#algorithms)
    if (this.#sizeAtStart > 0) await hashFile(this.path, hashes.values())
    return new FileAppender(this.#handle, { position: this.#sizeAtStart, hashes })
  }

  #checkOpen(): void {
    assert(this.#isOpen, 'a partial is not used after it was committed, discarded or disposed')
  }
}

interface PartialFiles {
  readonly handle: FileHandle
  readonly sizeBytes: number
  readonly validator: string | undefined
}

interface PartialStart extends PartialFiles {
  readonly key: string
  readonly name: string
  readonly algorithms: readonly HashAlgorithm[]
}

async function openFiles(folders: BlobFolders, name: string, key: string): Promise<PartialFiles> {
  const path = join(folders.partials, name + PARTIAL_SUFFIX)
  const sidecar = readSidecar(sidecarPath(folders, name), key)
  await makeWritable(path)
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  // Bytes of which it is not known what they are of are not worth resuming.
  if (!sidecar) await handle.truncate(0)
  const { size } = await handle.stat()
  return { handle, sizeBytes: size, validator: sidecar?.validator }
}

function sidecarPath(folders: BlobFolders, name: string): string {
  return join(folders.partials, name + SIDECAR_SUFFIX)
}

/** @returns what the sidecar says, nothing when there is none, and undefined when it is damaged or of another key. */
function readSidecar(path: string, key: string): { readonly validator: string | undefined } | undefined {
  try {
    const text = readSmallFile(path, SIDECAR_BYTES_MAX)
    if (text === undefined) return { validator: undefined }
    const sidecar = JSON.parse(text) as { key?: unknown; validator?: unknown } | null
    const { validator } = sidecar ?? {}
    if (sidecar?.key === key && (validator === undefined || typeof validator === 'string')) return { validator }
  } catch {
    // Not JSON, too large or unreadable: as good as damaged.
  }
  return undefined
}

/** A crash in the midst of a commit leaves the file read-only. */
async function makeWritable(path: string): Promise<void> {
  try {
    await chmod(path, 0o600)
  } catch (error) {
    if (!hasErrorCode(error, 'ENOENT')) throw error
  }
}

function keyTooLong(length: number): SomaError {
  return new SomaError('call/too-large', `the key of a download is ${length} characters long; the limit is ${KEY_LENGTH_MAX}`, {
    details: { length, lengthMax: KEY_LENGTH_MAX },
  })
}
