import { createHash, hash } from 'node:crypto'
import { statSync } from 'node:fs'
import { copyFile, constants, link, lstat, open, realpath, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type BlobDigest, type Clock, SomaError, throwIfAborted } from '@soma/core'
import { diskBytes, hasErrorCode, translateFileError } from '../files.ts'
import { PARTIAL_AGE_MS_DEFAULT } from '../limits.ts'
import { type BlobFolders, blobDigest } from './blob-folders.ts'
import { BlobPlacer, type Usage } from './blob-placer.ts'
import type { AdoptedBlob, BlobLease, BlobStore, BlobWriteOptions, Collected, Partial, PartialOptions, StoredBlob } from './blob-store.ts'
import { collectBlobs, collectPartials } from './collector.ts'
import { DiskPartial, PARTIAL_SUFFIX } from './disk-partial.ts'
import { checkExpected, checkNotLarger } from './expectation.ts'
import { FileAppender, createHashes } from './file-appender.ts'
import { hashFile, readChunks } from './file-chunks.ts'
import { LeaseTable } from './lease-table.ts'

export interface BlobStoreDeps {
  readonly clock: Clock
  readonly folders: BlobFolders
  /** Every blob some record refers to, as of now. */
  readonly referenced: () => ReadonlySet<string>
}

/** Who holds a blob from before it is there. */
type Holders = ReadonlyArray<BlobLease | undefined>

/** The blobs, as files. */
export class DiskBlobStore implements BlobStore {
  readonly #deps: BlobStoreDeps
  readonly #folders: BlobFolders
  readonly #leases = new LeaseTable()
  readonly #placer: BlobPlacer
  readonly #openPartials = new Set<string>()

  constructor(deps: BlobStoreDeps) {
    this.#deps = deps
    this.#folders = deps.folders
    this.#placer = new BlobPlacer(deps.folders, this.#leases)
  }

  has(digest: BlobDigest): boolean {
    return this.#placer.sizeBytes(digest) !== undefined
  }

  sizeBytes(digest: BlobDigest): number {
    const sizeBytes = this.#placer.sizeBytes(digest)
    if (sizeBytes === undefined) throw notFound(digest)
    return sizeBytes
  }

  path(digest: BlobDigest): string {
    return this.#folders.path(digest)
  }

  async *read(digest: BlobDigest, range?: { readonly begin: number; readonly end: number }): AsyncGenerator<Uint8Array> {
    try {
      yield* readChunks(this.path(digest), { begin: range?.begin, end: range?.end })
    } catch (error) {
      throw hasErrorCode(error, 'ENOENT') ? notFound(digest, error) : error
    }
  }

  async write(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options: BlobWriteOptions = {}): Promise<StoredBlob> {
    using held = this.#placer.hold()
    return await this.#withDraft(async (draft) => this.#placer.place(draft, await writeFile(draft, source, options), [held, options.lease]))
  }

  async adopt(path: string, options: BlobWriteOptions & { readonly move?: boolean; readonly link?: boolean } = {}): Promise<AdoptedBlob> {
    using held = this.#placer.hold()
    const holders = [held, options.lease]
    const moved = options.move === true && (await this.#adoptByMove(path, options, holders))
    if (moved) return { ...moved, how: 'move' }
    const linked = options.link === true && (await this.#adoptByLink(path, options, holders))
    if (linked) return linked
    const shared = await this.#adoptByReflink(path, options, holders)
    const blob = shared ?? (await this.#adoptByCopy(path, options, holders))
    if (options.move) await rm(path)
    return { ...blob, how: shared ? 'reflink' : 'copy' }
  }

  /** One more name for a file that nobody writes to any more; false where the file system, or the file's owner, does not allow it. */
  async #adoptByLink(path: string, { expected, signal }: BlobWriteOptions, holders: Holders): Promise<AdoptedBlob | false> {
    const file = await realpath(path)
    const before = await stat(file, { bigint: true })
    const found = createHash('sha256')
    const sizeBytes = await hashFile(file, [found], { signal })
    const blob = { digest: blobDigest(found.digest('hex')), sizeBytes }
    checkExpected(blob, expected)
    return this.#withDraft(async (draft) => {
      if (!(await isDone(link(file, draft)))) return false
      const after = await stat(draft, { bigint: true })
      // Somebody wrote to it after all, or put another file in its place.
      if (after.ino !== before.ino || after.mtimeNs !== before.mtimeNs || after.size !== before.size) return false
      await syncFile(draft)
      return { ...(await this.#placer.place(draft, blob, holders)), how: 'hardlink' as const }
    })
  }

  /** A file of its own on the same file system changes its name only; false when it is not one. */
  async #adoptByMove(path: string, options: BlobWriteOptions, holders: Holders): Promise<StoredBlob | false> {
    const stat = await lstat(path)
    if (!stat.isFile() || stat.nlink !== 1) return false
    const blob = await sealFile(path, options)
    try {
      return await this.#placer.place(path, blob, holders)
    } catch (error) {
      if (hasErrorCode(error, 'EXDEV')) return false
      throw error
    }
  }

  /** Shares the file's blocks until one of both is written to; undefined where the file system cannot. */
  async #adoptByReflink(path: string, options: BlobWriteOptions, holders: Holders): Promise<StoredBlob | undefined> {
    return this.#withDraft(async (draft) => {
      if (!(await isDone(copyFile(path, draft, constants.COPYFILE_FICLONE_FORCE)))) return undefined
      return this.#placer.place(draft, await sealFile(draft, options), holders)
    })
  }

  /** One pass: what is hashed is what was copied, also when somebody writes to the file meanwhile. */
  async #adoptByCopy(path: string, options: BlobWriteOptions, holders: Holders): Promise<StoredBlob> {
    return this.#withDraft(async (draft) => {
      const blob = await writeFile(draft, readChunks(path, { reuseMemory: true }), options)
      return this.#placer.place(draft, blob, holders)
    })
  }

  /** Runs `action` with the path of a file that is gone afterwards, unless it was placed. */
  async #withDraft<T>(action: (draft: string) => Promise<T>): Promise<T> {
    const draft = this.#folders.temporaryPath()
    try {
      return await action(draft)
    } catch (error) {
      throw translateFileError(error, 'write a blob')
    } finally {
      await rm(draft, { force: true })
    }
  }

  async partial(key: string, options: PartialOptions = {}): Promise<Partial> {
    return DiskPartial.open({ folders: this.#folders, placer: this.#placer, open: this.#openPartials }, key, options)
  }

  partialBytes(key: string): number {
    return diskBytes(statSync(join(this.#folders.partials, hash('sha256', key) + PARTIAL_SUFFIX), { throwIfNoEntry: false }))
  }

  async link(digest: BlobDigest, path: string): Promise<'hardlink' | 'reflink' | 'copy'> {
    const blob = this.path(digest)
    if (!this.has(digest)) throw notFound(digest)
    if (await isDone(link(blob, path), 'EEXIST')) return 'hardlink'
    if (await isDone(copyFile(blob, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE), 'EEXIST')) return 'reflink'
    try {
      await copyFile(blob, path, constants.COPYFILE_EXCL)
      return 'copy'
    } catch (error) {
      if (!hasErrorCode(error, 'EEXIST')) await rm(path, { force: true })
      throw translateFileError(error, `copy a blob to ${path}`)
    }
  }

  async hash(
    digest: BlobDigest,
    options: { readonly signal?: AbortSignal | undefined; readonly progress?: ((hashedBytes: number) => void) | undefined } = {},
  ): Promise<BlobDigest | null> {
    const hash = createHash('sha256')
    try {
      await hashFile(this.path(digest), [hash], options)
      const found = blobDigest(hash.digest('hex'))
      if (found === digest) this.trust(digest)
      return found
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return null
      throw error
    }
  }

  lease(digests: readonly BlobDigest[]): BlobLease {
    return this.#leases.lease(digests)
  }

  distrust(digest: BlobDigest): void {
    this.#placer.distrust(digest)
  }

  trust(digest: BlobDigest): void {
    this.#placer.trust(digest)
  }

  isLeased(digest: BlobDigest): boolean {
    return this.#leases.isHeld(digest)
  }

  async collect(options: { readonly dryRun?: boolean; readonly partialAgeMs?: number }): Promise<Collected> {
    const { dryRun = false, partialAgeMs = PARTIAL_AGE_MS_DEFAULT } = options
    const { clock, referenced } = this.#deps
    const { blobs, freedBytes } = await collectBlobs({ placer: this.#placer, leases: this.#leases, referenced }, dryRun)
    const directory = this.#folders.partials
    const partialBytes = await collectPartials(clock, { directory, ageMs: partialAgeMs, dryRun, open: this.#openPartials })
    return { blobs, freedBytes: freedBytes + partialBytes, partialBytes }
  }

  usage(): Usage {
    return this.#placer.usage()
  }
}

/** Writes a new file and syncs it, once it is what was promised. */
async function writeFile(
  path: string,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { expected, signal }: BlobWriteOptions,
): Promise<StoredBlob> {
  await using handle = await open(path, 'wx', 0o600)
  const appender = new FileAppender(handle, { position: 0, hashes: createHashes(['sha256']) })
  try {
    for await (const chunk of source) {
      throwIfAborted(signal)
      await appender.append(chunk)
      checkNotLarger(appender.sizeBytes, expected)
    }
    throwIfAborted(signal)
    await appender.flush()
    const blob = { digest: blobDigest(appender.digest('sha256') ?? ''), sizeBytes: appender.sizeBytes }
    checkExpected(blob, expected)
    await appender.sync()
    await handle.chmod(0o444)
    return blob
  } finally {
    await appender.idle()
  }
}

/** Hashes a file that is about to be a blob, makes it read-only and syncs it, once it is what was promised. */
async function sealFile(path: string, { expected, signal }: BlobWriteOptions): Promise<StoredBlob> {
  const hash = createHash('sha256')
  const sizeBytes = await hashFile(path, [hash], { signal })
  const blob = { digest: blobDigest(hash.digest('hex')), sizeBytes }
  checkExpected(blob, expected)
  await using handle = await open(path, 'r')
  await handle.chmod(0o444)
  await handle.sync()
  return blob
}

async function syncFile(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}

/** False when the file system cannot do it; other ways are open then. Errors named in `fatal` are the same for all ways. */
async function isDone(attempt: Promise<void>, ...fatal: readonly string[]): Promise<boolean> {
  try {
    await attempt
    return true
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOSPC', 'EDQUOT', ...fatal)) throw error
    return false
  }
}

function notFound(digest: BlobDigest, cause?: unknown): SomaError {
  return new SomaError('store/not-found', `blob ${digest} is not in the store; install what it belongs to again`, {
    details: { digest },
    cause,
  })
}
