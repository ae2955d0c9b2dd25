import type { Clock } from '@soma/core'
import { THREAD_SAMPLE_MS, THREAD_SPARE } from './limits.ts'

/** Time of the machine's CPUs since some moment, in milliseconds. */
export interface CpuTimes {
  /** That nobody used, of all CPUs together. */
  readonly idleMs: number
  /** That this process used. */
  readonly ownMs: number
}

export interface ThreadLimitDeps {
  readonly clock: Pick<Clock, 'monotonic'>
  readonly cpuTimes: () => CpuTimes
}

/**
 * How many threads compute together just now: those the host granted, as long as there are CPUs for them. llama.cpp's threads
 * wait for each other without sleeping, so that one which has no CPU holds all others up. Measured on two CPUs that others kept
 * busy: 0.6 ms a token with one thread, 600 ms with two.
 */
export class ThreadLimit {
  readonly #deps: ThreadLimitDeps
  readonly #most: number
  readonly #set: (threads: number) => void
  #at: number
  #last: CpuTimes

  /** @param set makes the next step compute with so many. */
  constructor(deps: ThreadLimitDeps, most: number, set: (threads: number) => void) {
    this.#deps = deps
    this.#most = most
    this.#set = set
    this.#at = deps.clock.monotonic()
    this.#last = deps.cpuTimes()
    set(most)
  }

  /** To be called before each step; looks at the clock, and now and then at the CPUs. */
  adjust(): void {
    if (this.#most === 1) return
    const now = this.#deps.clock.monotonic()
    const elapsedMs = now - this.#at
    if (elapsedMs < THREAD_SAMPLE_MS) return
    const times = this.#deps.cpuTimes()
    const available = (times.idleMs - this.#last.idleMs + times.ownMs - this.#last.ownMs) / elapsedMs
    this.#at = now
    this.#last = times
    this.#set(Math.max(1, Math.min(this.#most, Math.floor(available + THREAD_SPARE))))
  }
}
