import { RATE_WINDOW_MS } from '../limits.ts'

interface Sample {
  readonly atMs: number
  readonly bytes: number
}

/** Speed of a transfer over the last seconds, so that a resumed start or a stall does not colour it for long. */
export class RateMeter {
  #samples: Sample[] = []

  /** @param bytes received in this run so far, without what was there before. */
  add(atMs: number, bytes: number): void {
    this.#samples.push({ atMs, bytes })
    // One sample from before the window stays: the window is measured from it.
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? 0) < atMs - RATE_WINDOW_MS) this.#samples.shift()
  }

  /** Undefined until two moments are known. */
  bytesPerSecond(): number | undefined {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (!first || !last || last.atMs - first.atMs < 200) return undefined
    return ((last.bytes - first.bytes) / (last.atMs - first.atMs)) * 1000
  }
}
