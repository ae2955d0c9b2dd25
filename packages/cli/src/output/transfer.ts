import type { InstallEvent } from '@soma/spec'
import { RateMeter } from './rate.ts'

/** One file of a transfer as it stands. */
export interface FileProgress {
  readonly path: string
  readonly receivedBytes: number
  readonly sizeBytes: number | null
  readonly resumedBytes: number
}

/** What an install has told so far: a fold over its events, without any drawing. */
export class Transfer {
  readonly #files = new Map<string, FileProgress>()
  readonly #rate = new RateMeter()
  #adoptedBytes = 0
  #declared: { readonly sizeBytes: number | null } | undefined

  apply(event: InstallEvent, atMs: number): void {
    if (event.type === 'resolved') this.#declared = { sizeBytes: event.sizeBytes }
    if (event.type === 'adopt') this.#adoptedBytes += event.sizeBytes
    if (event.type !== 'download') return
    this.#files.set(event.path, event)
    this.#rate.add(
      atMs,
      this.#sum((file) => file.receivedBytes - file.resumedBytes),
    )
  }

  get files(): readonly FileProgress[] {
    return [...this.#files.values()]
  }

  get total(): FileProgress {
    const sizes = this.files.map((file) => file.sizeBytes)
    const known = sizes.every((size) => size !== null) ? sizes.reduce((sum, size) => sum + size, 0) : null
    // What is on this disk already does not come.
    const declared = typeof this.#declared?.sizeBytes === 'number' ? Math.max(0, this.#declared.sizeBytes - this.#adoptedBytes) : null
    return {
      path: 'total',
      receivedBytes: this.#sum((file) => file.receivedBytes),
      // What is fetched may be an archive and smaller than what was declared, or its files may not all have begun.
      sizeBytes: known === null ? declared : Math.max(known, this.#files.size > 1 ? (declared ?? 0) : 0),
      resumedBytes: this.#sum((file) => file.resumedBytes),
    }
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

  #sum(value: (file: FileProgress) => number): number {
    return this.files.reduce((sum, file) => sum + value(file), 0)
  }
}
