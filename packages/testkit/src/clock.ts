import { type Clock, abortError } from '@soma/core'

/** A clock that stands still until it is told to move. */
export interface TestClock extends Clock {
  /** Moves on by `ms`, running what becomes due, in order, and letting promises settle between. */
  advance(ms: number): Promise<void>
  /** Moves on without running anything: for synchronous state machines. */
  skip(ms: number): void
  readonly pending: number
}

interface Timer {
  readonly due: number
  readonly callback: () => void
}

/** 2026-01-01: a date that looks like one. */
const EPOCH_MS = Date.UTC(2026, 0, 1)

export function createTestClock(startMs = EPOCH_MS): TestClock {
  let elapsed = 0
  const timers = new Set<Timer>()
  const schedule = (delayMs: number, callback: () => void): Disposable => {
    const timer = { due: elapsed + Math.max(0, delayMs), callback }
    timers.add(timer)
    return { [Symbol.dispose]: () => void timers.delete(timer) }
  }
  const due = (until: number): Timer | undefined => [...timers].filter((timer) => timer.due <= until).sort((a, b) => a.due - b.due)[0]
  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    schedule,
    sleep: (delayMs, { signal } = {}) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(abortError(signal))
        const timer = schedule(delayMs, resolve)
        signal?.addEventListener('abort', () => {
          timer[Symbol.dispose]()
          reject(abortError(signal))
        })
      }),
    advance: async (ms) => {
      const until = elapsed + ms
      for (let timer = due(until); timer; timer = due(until)) {
        timers.delete(timer)
        elapsed = Math.max(elapsed, timer.due)
        timer.callback()
        await settle()
      }
      elapsed = until
      await settle()
    },
    skip: (ms) => void (elapsed += ms),
    get pending() {
      return timers.size
    },
  }
}

/** Lets every promise that can settle without I/O do so. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
