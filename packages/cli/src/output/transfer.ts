import type { InstallEvent } from '@soma/spec'
import { RateMeter } from './rate.ts'

/** One file of a transfer as it stands. */
export interface FileProgress {
  readonly path: string
  readonly receivedBytes: number
  readonly sizeBytes: number | null
  readonly resumedBytes: number
}

/** What an install has told so far: a fold over its events, without any drawing. Takes the same time per event however many files there are. */
export class Transfer {
  readonly #files = new Map<string, FileProgress>()
  readonly #rate = new RateMeter()
  readonly #sums = { receivedBytes: 0, resumedBytes: 0, knownBytes: 0, unknown: 0, incomplete: 0 }
  #adoptedBytes = 0
  #declared: { readonly sizeBytes: number | null } | undefined

  apply(event: InstallEvent, atMs: number): void {
    if (event.type === 'resolved') this.#declared = { sizeBytes: event.sizeBytes }
    if (event.type === 'adopt') this.#adoptedBytes += event.sizeBytes
    if (event.type !== 'download') return
    const before = this.#files.get(event.path)
    if (before) this.#count(before, -1)
    this.#count(event, 1)
    this.#files.set(event.path, event)
    this.#rate.add(atMs, this.#sums.receivedBytes - this.#sums.resumedBytes)
  }

  get files(): readonly FileProgress[] {
    return [...this.#files.values()]
  }

  get fileCount(): number {
    return this.#files.size
  }

  /** Whether all files that have begun are there, and no more are to come. */
  get complete(): boolean {
    const { receivedBytes, sizeBytes } = this.total
    return this.#sums.incomplete === 0 && receivedBytes >= (sizeBytes ?? 0)
  }

  get total(): FileProgress {
    const { receivedBytes, resumedBytes, knownBytes, unknown } = this.#sums
    // What is on this disk already does not come.
    const declared = typeof this.#declared?.sizeBytes === 'number' ? Math.max(0, this.#declared.sizeBytes - this.#adoptedBytes) : null
    // What is fetched may be an archive and smaller than what was declared, or its files may not all have begun.
    const sizeBytes = unknown > 0 ? declared : Math.max(knownBytes, this.#files.size > 1 ? (declared ?? 0) : 0)
    return { path: 'total', receivedBytes, sizeBytes, resumedBytes }
  }

  get bytesPerSecond(): number | undefined {
    return this.#rate.bytesPerSecond()
  }

  /** Milliseconds to the end at the present rate; undefined when it cannot be known. */
  get remainingMs(): number | undefined {
    const { sizeBytes, receivedBytes } = this.total
    const rate = this.bytesPerSecond
    return sizeBytes === null || rate === undefined || rate <= 0 ? undefined : (Math.max(0, sizeBytes - receivedBytes) / rate) * 1000
  }

  #count({ receivedBytes, resumedBytes, sizeBytes }: FileProgress, sign: 1 | -1): void {
    const sums = this.#sums
    sums.receivedBytes += sign * receivedBytes
    sums.resumedBytes += sign * resumedBytes
    sums.knownBytes += sign * (sizeBytes ?? 0)
    sums.unknown += sign * (sizeBytes === null ? 1 : 0)
    sums.incomplete += sign * (receivedBytes === sizeBytes ? 0 : 1)
  }
}
