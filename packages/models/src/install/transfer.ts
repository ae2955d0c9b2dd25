import { SomaError, isSomaError } from '@soma/core'
import type { Artifact, Source } from '@soma/spec'
import type { BlobLease, BlobStore, Partial, StoredBlob } from '@soma/store'
import { ChunkFetch, type ChunkFetchDeps, type TransferListener, chunkHashes } from './chunk-fetch.ts'
import { checkIntegrity } from './integrity.ts'
import { CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, DAMAGE_ROUNDS_MAX } from './limits.ts'
import { mend } from './mend.ts'
import type { Semaphore } from './semaphore.ts'

export interface TransferDeps extends ChunkFetchDeps {
  readonly blobs: BlobStore
  /** Places for transfers that run, of all installs together. */
  readonly slots: Semaphore
  /** Size of the pieces in which files are fetched and recorded; the store's default when absent. */
  readonly chunkBytes?: number | undefined
}

/** The bytes of an artifact, whole and as promised. */
export interface CompleteDownload {
  readonly path: string
  readonly sizeBytes: number
}

/**
 * Brings the bytes of one artifact into a partial download: resumed, retried, over several connections where that helps, and
 * checked against what the source promised. Nothing else knows the partial while this lives.
 */
export class Transfer {
  readonly artifact: Artifact
  readonly #source: Source
  readonly #deps: TransferDeps
  readonly #listener: TransferListener
  readonly #abort = new AbortController()
  /** Holds the blob for users who come when the first is gone already. */
  readonly #lease: BlobLease
  /** Resolves when all bytes are here and checked. */
  readonly complete: Promise<CompleteDownload>
  #partial: Partial | undefined
  #blob: Promise<StoredBlob> | undefined
  /** The bytes are of no use to a later attempt. */
  #useless = false

  constructor(deps: TransferDeps, source: Source, artifact: Artifact, listener: TransferListener) {
    this.#deps = deps
    this.#source = source
    this.artifact = artifact
    this.#listener = listener
    this.#lease = deps.blobs.lease([])
    this.complete = this.#run()
    this.complete.catch(() => undefined)
  }

  /** Makes the bytes a blob; the same one for everybody who asks. The blob is held until this is closed. */
  blob(): Promise<StoredBlob> {
    return (this.#blob ??= this.#commit())
  }

  /** Nobody needs the partial download any more. */
  discardWhenClosed(): void {
    this.#useless = true
  }

  /** Ends it: what is not a blob by now stays as a partial download, unless it is of no use. */
  async close(reason: SomaError): Promise<void> {
    using _lease = this.#lease
    this.#abort.abort(reason)
    await this.complete.catch(() => undefined)
    const isBlob = await this.#blob?.then(() => true).catch(() => false)
    if (!isBlob && this.#useless) await (await this.#open()).discard()
    else if (!isBlob) await this.#partial?.[Symbol.asyncDispose]()
  }

  async #commit(): Promise<StoredBlob> {
    try {
      const partial = await this.#open()
      const blob = await partial.commit({ lease: this.#lease })
      this.#partial = undefined
      return blob
    } catch (error) {
      this.#useless ||= isSomaError(error, 'store/disk-full')
      throw error
    }
  }

  async #open(): Promise<Partial> {
    const { key, integrity, chunks } = this.artifact
    const algorithms = new Set(['sha256' as const, ...(integrity ? [integrity.algorithm] : [])])
    const hashed = chunks && chunks.sizeBytes >= CHUNK_BYTES_MIN && chunks.sizeBytes <= CHUNK_BYTES_MAX ? chunks.sizeBytes : undefined
    return (this.#partial ??= await this.#deps.blobs.partial(key, {
      algorithms: [...algorithms],
      chunkBytes: hashed ?? this.#deps.chunkBytes,
    }))
  }

  async #run(): Promise<CompleteDownload> {
    const { signal } = this.#abort
    using _slot = await this.#deps.slots.acquire(signal)
    using _connection = await this.#deps.connections.acquire(signal)
    try {
      const partial = await this.#open()
      const task = { source: this.#source, artifact: this.artifact, partial, signal }
      const fetch = new ChunkFetch(this.#deps, task, this.#listener)
      const problem = await this.#bring(fetch, partial)
      if (problem) await this.#mend(fetch, partial, problem)
      return { path: partial.path, sizeBytes: partial.receivedBytes }
    } catch (error) {
      // Disk space is what is lacking, and a mismatch will not mend itself: neither leaves bytes behind.
      this.#useless ||= isUseless(error)
      throw error
    }
  }

  /** @returns what is wrong with the bytes, if anything. */
  async #bring(fetch: ChunkFetch, partial: Partial): Promise<SomaError | undefined> {
    for (let round = 1; ; round++) {
      await fetch.run()
      const damaged = await partial.settle()
      if (damaged.length === 0) return this.#check(partial)
      this.#deps.log.warn('the disk did not give back what was written to it; fetching that again', {
        artifact: this.artifact.path,
        chunks: damaged.length,
      })
      if (round === DAMAGE_ROUNDS_MAX) throw damagedAgain(this.artifact, partial.path)
    }
  }

  async #check(partial: Partial): Promise<SomaError | undefined> {
    try {
      const bytes = { sizeBytes: partial.receivedBytes, digest: (algorithm: 'sha256' | 'sha512' | 'sha1') => partial.digest(algorithm) }
      await checkIntegrity(this.artifact, bytes)
      return undefined
    } catch (error) {
      if (isSomaError(error, 'package/hash-mismatch')) return error
      throw error
    }
  }

  async #mend(fetch: ChunkFetch, partial: Partial, first: SomaError): Promise<void> {
    // Every chunk is what the source says of it: then it contradicts itself.
    if (chunkHashes(this.artifact, partial)) throw first
    this.#deps.log.warn('a download does not match its hash; fetching it again, to compare', { artifact: this.artifact.path })
    this.#listener.retry({ attempt: 1, delayMs: 0, reason: `${first.message}; fetching it again, to compare` })
    const { problem, changed } = await mend(fetch, partial, () => this.#bring(fetch, partial))
    if (problem) throw twiceWrong(problem, changed, partial.chunkBytes)
    this.#deps.log.info('a damaged download was mended', { artifact: this.artifact.path, chunks: changed.length })
  }
}

function isUseless(error: unknown): boolean {
  return isSomaError(error) && ['store/disk-full', 'package/hash-mismatch', 'package/size-mismatch'].includes(error.code)
}

function twiceWrong(problem: SomaError, changed: readonly number[], chunkBytes: number): SomaError {
  const ranges = changed.map((chunk) => `${chunk * chunkBytes}–${(chunk + 1) * chunkBytes - 1}`)
  const outcome =
    changed.length === 0
      ? 'the same bytes came twice, so that the promise is wrong, or the file at the source'
      : `it was fetched twice, and bytes ${ranges.slice(0, 3).join(', ')}${ranges.length > 3 ? ' and others' : ''} came different each time`
  return new SomaError(problem.code, `${problem.message}; ${outcome}`, { details: { ...problem.details, changed: ranges.slice(0, 3) } })
}

function damagedAgain({ path }: Artifact, file: string): SomaError {
  return new SomaError(
    'store/corrupt',
    `the disk does not keep what is written to it: ${path} was damaged ${DAMAGE_ROUNDS_MAX} times in ${file}`,
    {
      details: { path, file },
    },
  )
}
