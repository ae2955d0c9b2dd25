import { type Clock, type Log, type Rng, SomaError, isSomaError } from '@soma/core'
import type { Artifact, Download, Source } from '@soma/spec'
import type { Partial } from '@soma/store'
import { ChunkPlan, type Span } from './chunk-plan.ts'
import { CHUNK_TRIES_MAX, RANGED_CHUNKS_MIN, RETRY_PROGRESS_BYTES } from './limits.ts'
import { sizeMismatch } from './integrity.ts'
import { withRetries } from './retry.ts'
import type { Semaphore } from './semaphore.ts'
import { StallWatch } from './stall.ts'
import type { Throttle } from './throttle.ts'

export interface ChunkFetchDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** Places for the connections of all transfers together. */
  readonly connections: Semaphore
  /** How many of them one file may have. */
  readonly connectionsPerFile: () => number
  readonly throttle: Throttle
  readonly retries: () => number
}

/** What is fetched, from where, to where. */
export interface ChunkFetchTask {
  readonly source: Source
  readonly artifact: Artifact
  readonly partial: Partial
  readonly signal: AbortSignal
}

/** Hears how a transfer goes on. */
export interface TransferListener {
  progress(state: { readonly receivedBytes: number; readonly resumedBytes: number; readonly sizeBytes: number | null }): void
  retry(retry: { readonly attempt: number; readonly delayMs: number; readonly reason: string }): void
}

/** One connection's way through its span. */
interface Connection {
  readonly isLead: boolean
  readonly signal: AbortSignal
  span: Span
}

/**
 * Brings the missing chunks of a partial download from its source. The lead connection retries, and what it finds goes: which
 * version of the bytes the source has, how large they are, whether it honours ranges. Once that is known, helpers fetch further
 * spans at the same time; a helper that fails, or is answered something else than the lead, just ends. A source without ranges is
 * one that has no helpers.
 */
export class ChunkFetch {
  readonly #deps: ChunkFetchDeps
  readonly #task: ChunkFetchTask
  readonly #listener: TransferListener
  /** Ends all connections with what went wrong for good. */
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #tries = new Map<number, number>()
  readonly #helpers = new Set<Promise<void>>()
  #helpersStop = new AbortController()
  #plan: ChunkPlan
  #alone = false
  #restarts = 0
  #resumedBytes: number

  constructor(deps: ChunkFetchDeps, task: ChunkFetchTask, listener: TransferListener) {
    this.#deps = deps
    this.#task = task
    this.#listener = listener
    this.#signal = AbortSignal.any([task.signal, this.#stop.signal])
    this.#resumedBytes = task.partial.receivedBytes
    this.#plan = this.#newPlan()
  }

  /** How often everything had to be fetched from the beginning. */
  get restarts(): number {
    return this.#restarts
  }

  /** @throws {SomaError} what the source throws after all retries; `package/size-mismatch`, `package/hash-mismatch`, `store/disk-full`. */
  async run(): Promise<void> {
    const { artifact, partial } = this.#task
    try {
      if (artifact.sizeBytes !== undefined) await partial.setSize(artifact.sizeBytes)
      this.#plan = this.#newPlan()
      while (await this.#goOn());
    } catch (error) {
      throw this.#stop.signal.aborted ? this.#stop.signal.reason : error
    } finally {
      await this.#endHelpers()
    }
    this.#report()
  }

  /** @returns false when nothing is missing. */
  async #goOn(): Promise<boolean> {
    const span = this.#plan.take()
    if (span) await this.#lead(span)
    else if (this.#helpers.size > 0) await Promise.race(this.#helpers)
    else return false
    return true
  }

  async #lead(span: Span): Promise<void> {
    const { partial } = this.#task
    const connection: Connection = { isLead: true, signal: this.#signal, span }
    let before = partial.receivedBytes
    const options = {
      retries: this.#deps.retries(),
      signal: this.#signal,
      onRetry: (retry: Parameters<TransferListener['retry']>[0]) => this.#listener.retry(retry),
      progressed: () => partial.receivedBytes - before >= RETRY_PROGRESS_BYTES,
    }
    try {
      await withRetries(this.#deps, options, async () => {
        before = partial.receivedBytes
        while (!this.#isDone(connection.span)) await this.#attempt(connection)
      })
    } finally {
      this.#plan.release(connection.span)
    }
  }

  #startHelpers(): void {
    const { partial } = this.#task
    if (partial.chunkCount === Infinity || partial.chunkCount < RANGED_CHUNKS_MIN) return
    while (this.#helpers.size < this.#connectionsMax() - 1) {
      const helper = this.#help(this.#helpersStop.signal).finally(() => this.#helpers.delete(helper))
      this.#helpers.add(helper)
    }
  }

  /** Never rejects: what only a helper suffers is the lead's to find out, and anything worse ends all. */
  async #help(stop: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([this.#signal, stop])
    try {
      while (await this.#helpOnce(signal));
    } catch (error) {
      if (signal.aborted) return
      if (!isSomaError(error) || !error.code.startsWith('source/')) return this.#stop.abort(error)
      // Asking with fewer connections is what such a source wants.
      if (error.code === 'source/rate-limited') this.#alone = true
      this.#deps.log.debug('a connection of a download ended', { artifact: this.#task.artifact.path, error })
    }
  }

  /** One span; between two of them, others who wait for a connection have their turn. */
  async #helpOnce(signal: AbortSignal): Promise<boolean> {
    using _place = await this.#deps.connections.acquire(signal)
    const span = this.#alone ? undefined : this.#plan.take()
    if (!span) return false
    const connection: Connection = { isLead: false, signal, span }
    try {
      while (!this.#isDone(span) && !this.#alone) await this.#attempt(connection)
    } finally {
      this.#plan.release(span)
    }
    return true
  }

  async #endHelpers(): Promise<void> {
    this.#helpersStop.abort(new SomaError('call/cancelled', 'the helping connections are not needed any more'))
    await Promise.all(this.#helpers)
    this.#helpersStop = new AbortController()
  }

  async #attempt(connection: Connection): Promise<void> {
    const attempt = new AbortController()
    const signal = AbortSignal.any([connection.signal, attempt.signal])
    using stall = new StallWatch(this.#deps.clock, attempt)
    try {
      const download = await this.#open(connection, signal)
      if (download) await this.#copy(download, connection.span, { signal, moved: () => stall.moved() })
    } catch (error) {
      // The connection reports the abort in its own words; the reason is what happened.
      if (attempt.signal.aborted) throw attempt.signal.reason
      throw error
    } finally {
      attempt.abort(new SomaError('call/cancelled', 'the attempt is over'))
    }
  }

  /** @returns undefined when the answer is of no use to this connection. */
  async #open(connection: Connection, signal: AbortSignal): Promise<Download | undefined> {
    const { source, artifact, partial } = this.#task
    if (connection.isLead && !this.#isCertain && partial.receivedBytes > 0) await this.#restart(undefined, connection)
    const { span } = connection
    const offset = this.#position(span)
    const endChunk = this.#endOfGap(span)
    const end = endChunk < partial.chunkCount ? endChunk * partial.chunkBytes : undefined
    const { validator } = partial
    const download = await source.download(artifact, {
      offset,
      ...(end !== undefined && { end }),
      ...(validator !== undefined && { validator }),
      signal,
    })
    if (!connection.isLead) return this.#fits(download, offset) ? download : this.#misfit()
    await this.#accept(download, offset, connection)
    if (!this.#isCertain && !this.#alone) {
      this.#alone = true
      // Parts of it could not be told from parts of something else: all of it in one answer.
      if (end !== undefined) return this.#restart(undefined, connection).then(() => undefined)
    }
    this.#startHelpers()
    return download
  }

  #fits({ offset, sizeBytes, validator }: Download, asked: number): boolean {
    const { partial } = this.#task
    const sameSize = sizeBytes === undefined || sizeBytes === partial.sizeBytes
    return offset === asked && sameSize && (validator === undefined || validator === partial.validator)
  }

  #misfit(): undefined {
    this.#alone = true
    this.#deps.log.debug('the source does not serve ranges alike; going on with one connection', { artifact: this.#task.artifact.path })
  }

  /** Goes on where the bytes on disk end, or makes the partial what the source has now. */
  async #accept(download: Download, asked: number, connection: Connection): Promise<void> {
    const { artifact, partial } = this.#task
    const { offset, sizeBytes, validator } = download
    const same = validator === undefined || validator === partial.validator
    if (partial.receivedBytes > 0 && same && offset === 0 && asked > 0) await this.#goThrough(connection)
    else if (partial.receivedBytes === 0 || !same || offset !== asked) {
      await this.#restart(validator, connection)
      if (offset !== 0)
        throw new SomaError('source/unavailable', `${artifact.path} has changed at its source since the download began; it is fetched anew`)
    }
    if (artifact.sizeBytes !== undefined && sizeBytes !== undefined && artifact.sizeBytes !== sizeBytes)
      throw sizeMismatch(artifact, sizeBytes)
    if (partial.sizeBytes !== undefined || sizeBytes === undefined) return
    await partial.setSize(sizeBytes)
    this.#plan.cut(connection.span)
  }

  /** The source begins at the front whatever it is asked: what is here already is passed over. */
  async #goThrough(lead: Connection): Promise<void> {
    this.#alone = true
    await this.#endHelpers()
    this.#plan = this.#newPlan()
    lead.span = { begin: 0, end: this.#task.partial.chunkCount }
  }

  /** Forgets all bytes. The lead, which is alone then, begins at the front. */
  async #restart(validator: string | undefined, lead: Connection): Promise<void> {
    const { artifact, partial } = this.#task
    await this.#endHelpers()
    if (partial.receivedBytes > 0) this.#restarts++
    this.#resumedBytes = 0
    await partial.restart(validator)
    if (artifact.sizeBytes !== undefined) await partial.setSize(artifact.sizeBytes)
    this.#plan = this.#newPlan()
    lead.span = this.#plan.take() ?? { begin: 0, end: 0 }
  }

  async #copy(download: Download, span: Span, pace: Pace): Promise<void> {
    const place = { offset: download.offset }
    const begunAt = this.#position(span)
    const until = download.offset === begunAt ? this.#endOfGap(span) : span.end
    this.#report()
    for await (const bytes of download.body) {
      pace.moved()
      const { byteLength } = bytes
      if (!(await this.#put(bytes, place, span))) return
      this.#report()
      await this.#deps.throttle.take(byteLength, { signal: pace.signal, waiting: pace.moved })
      pace.moved()
    }
    await this.#checkEnd(place.offset, until)
  }

  /** @returns false when the rest of the bytes is not this connection's. */
  async #put(bytes: Uint8Array, place: { offset: number }, span: Span): Promise<boolean> {
    const { artifact, partial } = this.#task
    for (let rest = bytes; rest.byteLength > 0;) {
      const chunk = Math.floor(place.offset / partial.chunkBytes)
      if (chunk >= partial.chunkCount) throw sizeMismatch(artifact, `more than ${partial.sizeBytes ?? 0}`)
      if (chunk >= span.end && !this.#plan.extend(span)) return false
      const [piece, more] = split(rest, Math.min((chunk + 1) * partial.chunkBytes, partial.sizeBytes ?? Infinity) - place.offset)
      const at = place.offset - chunk * partial.chunkBytes
      place.offset += piece.byteLength
      await this.#putInto(chunk, piece, at)
      rest = more
    }
    return true
  }

  /** Bytes that are here already are passed over. */
  async #putInto(chunk: number, bytes: Uint8Array, at: number): Promise<void> {
    const { partial } = this.#task
    const here = partial.filled(chunk) - at
    const wanted = here > 0 ? split(bytes, here)[1] : bytes
    if (wanted.byteLength === 0) return
    await partial.append(chunk, wanted)
    if (partial.isWhole(chunk)) await this.#checkChunk(chunk)
  }

  /** Holds a chunk against its own hash, where the source knows it. One that does not match is fetched again with what is missing still. */
  async #checkChunk(chunk: number): Promise<void> {
    const { artifact, partial } = this.#task
    const expected = chunkHashes(artifact, partial)?.[chunk]
    if (expected === undefined) return
    const found = await partial.chunkDigest(chunk)
    if (found === expected) return
    partial.forget(chunk)
    this.#plan.forgotten(chunk)
    const tries = (this.#tries.get(chunk) ?? 0) + 1
    this.#tries.set(chunk, tries)
    const range = `bytes ${chunk * partial.chunkBytes}–${Math.min((chunk + 1) * partial.chunkBytes, partial.sizeBytes ?? Infinity) - 1}`
    const reason = `${range} of ${artifact.path} are not what was promised`
    if (tries >= CHUNK_TRIES_MAX)
      throw new SomaError('package/hash-mismatch', `${reason}: expected sha256:${expected}, found sha256:${found}, ${tries} times`, {
        details: { path: artifact.path, chunk, expected: `sha256:${expected}`, found: `sha256:${found}`, tries },
      })
    this.#listener.retry({ attempt: tries, delayMs: 0, reason })
  }

  /** A body may end early without an error where the server never said how long it is. */
  async #checkEnd(offset: number, endChunk: number): Promise<void> {
    const { artifact, partial } = this.#task
    const { sizeBytes } = partial
    if (sizeBytes === undefined) await partial.setSize(offset)
    else if (offset < Math.min(endChunk * partial.chunkBytes, sizeBytes))
      throw new SomaError('source/unavailable', `${artifact.path} ended after ${offset} of ${sizeBytes} bytes`)
  }

  /** Whether bytes of two attempts can be told to be of the same thing, or will be. */
  get #isCertain(): boolean {
    return this.#task.partial.validator !== undefined || this.#task.artifact.integrity !== undefined
  }

  #isDone(span: Span): boolean {
    const { partial } = this.#task
    return partial.firstMissing(span.begin) >= Math.min(span.end, partial.chunkCount)
  }

  /** The chunk before which what is missing first of a span ends. */
  #endOfGap(span: Span): number {
    const { partial } = this.#task
    let chunk = partial.firstMissing(span.begin)
    if (partial.chunkCount === Infinity) return span.end
    while (chunk < span.end && !partial.isWhole(chunk)) chunk++
    return chunk
  }

  /** Where the bytes of a span go on. */
  #position(span: Span): number {
    const { partial } = this.#task
    const chunk = partial.firstMissing(span.begin)
    return chunk * partial.chunkBytes + partial.filled(chunk)
  }

  #connectionsMax(): number {
    return this.#alone ? 1 : this.#deps.connectionsPerFile()
  }

  #newPlan(): ChunkPlan {
    const { partial } = this.#task
    const few = (): boolean => partial.chunkCount !== Infinity && partial.chunkCount < RANGED_CHUNKS_MIN
    return new ChunkPlan(partial, () => (few() ? 1 : this.#connectionsMax()))
  }

  #report(): void {
    const { artifact, partial } = this.#task
    this.#listener.progress({
      receivedBytes: partial.receivedBytes,
      resumedBytes: this.#resumedBytes,
      sizeBytes: partial.sizeBytes ?? artifact.sizeBytes ?? null,
    })
  }
}

/** How an attempt tells that it is alive, and hears that it is over. */
interface Pace {
  readonly signal: AbortSignal
  readonly moved: () => void
}

/** The first bytes, and the rest. */
function split(bytes: Uint8Array, at: number): readonly [Uint8Array, Uint8Array] {
  return at >= bytes.byteLength ? [bytes, nothing] : [bytes.subarray(0, at), bytes.subarray(at)]
}

const nothing = new Uint8Array(0)

/** The hashes of the partial's chunks, where the source knows hashes of such chunks. */
export function chunkHashes({ chunks }: Artifact, partial: Pick<Partial, 'chunkBytes' | 'chunkCount'>): readonly string[] | undefined {
  return chunks && chunks.sizeBytes === partial.chunkBytes && chunks.sha256.length === partial.chunkCount ? chunks.sha256 : undefined
}
