import { SomaError, untilAborted } from '@soma/core'
import { WAITING_CALLS_MAX } from './limits.ts'

/** One after the other, first come first served: a model hears one recording at a time, with all the threads it was given. */
export class Turns {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /**
   * Waits for all earlier turns.
   * @returns what ends the turn when it is disposed.
   * @throws {SomaError} `resource/exhausted` when too many wait; what aborts the wait.
   */
  async take(signal: AbortSignal): Promise<Disposable> {
    if (this.#waiting >= WAITING_CALLS_MAX)
      throw new SomaError('resource/exhausted', `${this.#waiting} calls wait for this model already; try again later`)
    const before = this.#last
    const { promise: done, resolve: finish } = Promise.withResolvers<void>()
    this.#last = before.then(() => done)
    this.#waiting++
    try {
      await untilAborted(before, signal)
    } catch (error) {
      finish()
      throw error
    } finally {
      this.#waiting--
    }
    return { [Symbol.dispose]: finish }
  }

  /** Resolves when the turns taken so far have ended. */
  idle(): Promise<void> {
    return this.#last
  }
}
