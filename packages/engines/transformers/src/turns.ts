import { SomaError, untilAborted } from '@soma/core'
import { WAITING_CALLS_MAX } from './limits.ts'

/** Work on one model, one after the other: the library keeps state between the steps of a generation, and a step uses every thread already. */
export class Turns {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /**
   * Waits for all that came before.
   * @returns what to call when done.
   * @throws {SomaError} `resource/exhausted` when too many wait; what aborts the wait.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#waiting >= WAITING_CALLS_MAX)
      throw new SomaError('resource/exhausted', `${this.#waiting} calls wait for this model already; try again later`, {
        details: { waiting: this.#waiting },
      })
    const before = this.#last
    const { promise: done, resolve: finish } = Promise.withResolvers<void>()
    this.#last = before.then(() => done)
    this.#waiting++
    try {
      await untilAborted(before, signal)
      return finish
    } catch (error) {
      finish()
      throw error
    } finally {
      this.#waiting--
    }
  }

  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const finish = await this.take(signal)
    try {
      return await work()
    } finally {
      finish()
    }
  }

  async *stream<Event, Result>(signal: AbortSignal, start: () => AsyncGenerator<Event, Result, void>): AsyncGenerator<Event, Result, void> {
    const finish = await this.take(signal)
    try {
      return yield* start()
    } finally {
      finish()
    }
  }

  /** Resolves when the work taken so far is done. */
  idle(): Promise<void> {
    return this.#last
  }
}
