import { type Clock, type Log, type Rng, SomaError, isSomaError, releaseBytes } from '@soma/core'
import type { Artifact, Download, Source } from '@soma/spec'
import type { BlobLease, BlobStore, Partial, StoredBlob } from '@soma/store'
import { RETRY_PROGRESS_BYTES } from './limits.ts'
import { checkIntegrity } from './integrity.ts'
import { withRetries } from './retry.ts'
import type { Places, Semaphore } from './semaphore.ts'
import { StallWatch } from './stall.ts'

export interface TransferDeps {
  readonly blobs: BlobStore
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** Places for transfers that run, of all installs together. */
  readonly slots: Semaphore
  /** Places for complete downloads that stay open until they become blobs. */
  readonly parked: Places
  readonly retries: () => number
}

/** The bytes of an artifact, whole and as promised. */
export interface CompleteDownload {
  readonly path: string
  readonly sizeBytes: number
}

/** Hears how a transfer goes on. */
export interface TransferListener {
  progress(state: { readonly receivedBytes: number; readonly resumedBytes: number; readonly sizeBytes: number | null }): void
  retry(retry: { readonly attempt: number; readonly delayMs: number; readonly reason: string }): void
}

/**
 * Brings the bytes of one artifact into a partial download: resumed, retried, and checked against what the source
 * promised. Nothing else knows the partial while this lives.
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
  #place: Disposable | undefined
  #blob: Promise<StoredBlob> | undefined
  #sizeBytes: number | undefined
  #resumedBytes = 0
  /** Whether bytes of different attempts or runs were put together. */
  #resumed = false
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
    this.#abort.abort(reason)
    await this.complete.catch(() => undefined)
    const isBlob = await this.#blob?.then(() => true).catch(() => false)
    if (!isBlob && this.#useless) await (await this.#open()).discard()
    else if (!isBlob) await this.#partial?.[Symbol.asyncDispose]()
    this.#place?.[Symbol.dispose]()
    this.#lease[Symbol.dispose]()
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
    const algorithms = new Set(['sha256' as const, ...(this.artifact.integrity ? [this.artifact.integrity.algorithm] : [])])
    return (this.#partial ??= await this.#deps.blobs.partial(this.artifact.key, { algorithms: [...algorithms] }))
  }

  async #run(): Promise<CompleteDownload> {
    using _slot = await this.#deps.slots.acquire(this.#abort.signal)
    await this.#bring()
    const partial = await this.#open()
    await partial.flush()
    const { path, sizeBytes } = partial
    await this.#park(partial)
    return { path, sizeBytes }
  }

  /** An open partial has buffers and a running hash, which spare reading it again; too many of them are closed instead. */
  async #park(partial: Partial): Promise<void> {
    if (this.artifact.kind === 'file') this.#place = this.#deps.parked.take()
    if (this.#place) return
    await partial[Symbol.asyncDispose]()
    this.#partial = undefined
  }

  async #bring(): Promise<void> {
    try {
      const partial = await this.#open()
      const problem = await this.#fetchAndCheck(partial)
      // Bytes that were here before may be to blame, e.g. after a power cut: once more, from the beginning.
      if (!problem) return
      const again = this.#resumed
      await partial.restart(undefined)
      if (again)
        this.#deps.log.warn('a resumed download does not match; fetching it anew', {
          artifact: this.artifact.path,
          reason: problem.message,
        })
      const final = again ? await this.#fetchAndCheck(partial) : problem
      if (final) throw final
    } catch (error) {
      // Disk space is what is lacking, and a mismatch will not mend itself: neither leaves bytes behind.
      if (
        isSomaError(error, 'store/disk-full') ||
        isSomaError(error, 'package/hash-mismatch') ||
        isSomaError(error, 'package/size-mismatch')
      )
        this.#useless = true
      throw error
    }
  }

  /** @returns what is wrong with the bytes, if anything. */
  async #fetchAndCheck(partial: Partial): Promise<SomaError | undefined> {
    this.#resumedBytes = partial.sizeBytes
    this.#resumed = partial.sizeBytes > 0
    try {
      await this.#fetch(partial)
      await checkIntegrity(this.artifact, partial)
      return undefined
    } catch (error) {
      if (isSomaError(error, 'package/hash-mismatch') || isSomaError(error, 'package/size-mismatch')) return error
      throw error
    }
  }

  async #fetch(partial: Partial): Promise<void> {
    const { signal } = this.#abort
    let before = partial.sizeBytes
    await withRetries(
      this.#deps,
      {
        retries: this.#deps.retries(),
        signal,
        onRetry: (retry) => this.#listener.retry(retry),
        progressed: () => partial.sizeBytes - before >= RETRY_PROGRESS_BYTES,
      },
      async () => {
        before = partial.sizeBytes
        if (partial.sizeBytes !== this.artifact.sizeBytes || partial.sizeBytes === 0) await this.#attempt(partial)
      },
    )
    this.#report(partial)
  }

  async #attempt(partial: Partial): Promise<void> {
    const attempt = new AbortController()
    const signal = AbortSignal.any([this.#abort.signal, attempt.signal])
    using stall = new StallWatch(this.#deps.clock, attempt)
    try {
      const download = await this.#begin(partial, signal)
      await this.#copy(download, partial, stall)
      this.#checkEnd(download, partial)
    } catch (error) {
      // The connection reports the abort in its own words; the reason is what happened.
      if (attempt.signal.aborted) throw attempt.signal.reason
      throw error
    } finally {
      attempt.abort(new SomaError('call/cancelled', 'the attempt is over'))
    }
  }

  /** Opens the source where the partial ends. Bytes whose continuation cannot be told from another file's are fetched anew. */
  async #begin(partial: Partial, signal: AbortSignal): Promise<Download> {
    const { artifact } = this
    const certain = partial.validator !== undefined || artifact.integrity !== undefined
    if (partial.sizeBytes > (certain ? (artifact.sizeBytes ?? Infinity) : 0)) await partial.restart(undefined)
    const { sizeBytes: offset, validator } = partial
    const download = await this.#source.download(artifact, { offset, ...(validator !== undefined && { validator }), signal })
    const same = download.validator === validator || download.validator === undefined
    const continues = download.offset === offset && (offset === 0 || same)
    this.#sizeBytes = artifact.sizeBytes ?? download.sizeBytes
    this.#resumed ||= continues && offset > 0
    if (continues && offset > 0) return download
    this.#resumedBytes = 0
    await partial.restart(download.validator)
    if (download.offset === 0) return download
    throw new SomaError('source/unavailable', `${artifact.path} has changed at its source since the download began; it is fetched anew`)
  }

  async #copy(download: Download, partial: Partial, stall: StallWatch): Promise<void> {
    const sizeMax = this.artifact.sizeBytes ?? Infinity
    this.#report(partial)
    for await (const chunk of download.body) {
      stall.moved()
      if (partial.sizeBytes + chunk.byteLength > sizeMax) throw sizeMismatch(this.artifact, `more than ${sizeMax}`)
      await partial.append(chunk)
      releaseBytes(chunk)
      stall.moved()
      this.#report(partial)
    }
  }

  /** A body may end early without an error where the server never said how long it is. */
  #checkEnd(download: Download, partial: Partial): void {
    const { sizeBytes: received } = partial
    const expected = this.#sizeBytes
    if (expected === undefined || received === expected) return
    if (received > expected || (download.sizeBytes !== undefined && received >= download.sizeBytes))
      throw sizeMismatch(this.artifact, String(received))
    throw new SomaError('source/unavailable', `${this.artifact.path} ended after ${received} of ${expected} bytes`)
  }

  #report(partial: Partial): void {
    this.#listener.progress({
      receivedBytes: partial.sizeBytes,
      resumedBytes: this.#resumedBytes,
      sizeBytes: this.#sizeBytes ?? this.artifact.sizeBytes ?? null,
    })
  }
}

function sizeMismatch(artifact: Artifact, found: string): SomaError {
  return new SomaError('package/size-mismatch', `${artifact.path} has ${found} bytes; ${artifact.sizeBytes ?? 'other'} were promised`, {
    details: { path: artifact.path, expected: artifact.sizeBytes ?? null, found },
  })
}
