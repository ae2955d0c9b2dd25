import type { Clock } from '@soma/core'
import { THROTTLE_BURST_MS, THROTTLE_WAIT_MS_MAX } from './limits.ts'

export interface ThrottleOptions {
  readonly signal: AbortSignal
  /** Called while it waits, so that nobody takes the silence for a broken connection. */
  readonly waiting: () => void
}

/** Holds all downloads together to a number of bytes a second: a leaky bucket, whose hole may change its size at any time. */
export class Throttle {
  readonly #clock: Clock
  readonly #bytesPerSecond: () => number
  /** Bytes that came, less those that their time has passed for. */
  #debtBytes = 0
  #countedAt = 0

  /** 0 bytes a second is no limit. */
  constructor(clock: Clock, bytesPerSecond: () => number) {
    this.#clock = clock
    this.#bytesPerSecond = bytesPerSecond
  }

  /** Counts bytes that came, and waits until more may come. */
  async take(bytes: number, { signal, waiting }: ThrottleOptions): Promise<void> {
    this.#debtBytes += bytes
    for (let waitMs = this.#waitMs(); waitMs > 0; waitMs = this.#waitMs()) {
      await this.#clock.sleep(Math.min(waitMs, THROTTLE_WAIT_MS_MAX), { signal })
      waiting()
    }
  }

  #waitMs(): number {
    const now = this.#clock.monotonic()
    const perMs = this.#bytesPerSecond() / 1000
    if (perMs === 0) this.#debtBytes = 0
    else this.#debtBytes = Math.max(0, this.#debtBytes - (now - this.#countedAt) * perMs)
    this.#countedAt = now
    // Whole milliseconds: what is left of a division may be too little for any clock to move.
    return perMs === 0 ? 0 : Math.ceil(this.#debtBytes / perMs - THROTTLE_BURST_MS)
  }
}
