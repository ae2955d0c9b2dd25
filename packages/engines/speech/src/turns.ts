import { SomaError, untilAborted } from '@soma/core'
import { WAITING_CALLS_MAX } from './limits.ts'

/** One caller's time with the model. Disposing it lets the next one in, as soon as the library is done. */
export class Turn implements Disposable {
  readonly #finish: () => void
  #native: Promise<unknown> = Promise.resolve()

  constructor(finish: () => void) {
    this.#finish = finish
  }

  /**
   * Waits for what the library computes, which nothing can stop: a caller who leaves is let go at once, and the turn goes on
   * until the library is done.
   * @throws what aborts the signal; what the work throws.
   */
  async native<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
    this.#native = Promise.allSettled([this.#native, work])
    return await untilAborted(work, signal)
  }

  [Symbol.dispose](): void {
    void this.#native.then(this.#finish)
  }
}

/** One after the other, first come first served: a model hears one recording at a time, with all the threads it was given. */
export class Turns {
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /**
   * Waits for all earlier turns.
   * @throws {SomaError} `resource/exhausted` when too many wait; what aborts the wait.
   */
  async take(signal: AbortSignal): Promise<Turn> {
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
    return new Turn(finish)
  }

  /** Resolves when the turns taken so far have ended. */
  idle(): Promise<void> {
    return this.#last
  }
}
