import { SomaError, untilAborted } from '@soma/core'

/**
 * Calls of one model, one after the other, first come first served: for libraries that keep state between the steps of a call, or
 * that use every thread for one call already. Who gives up waiting is let go at once.
 */
export class Turns {
  readonly #waitingMax: number
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /** @param waitingMax calls that have not begun, each of which holds its inputs in memory. */
  constructor(waitingMax: number) {
    this.#waitingMax = waitingMax
  }

  /**
   * Waits for all that came before.
   * @returns what to call when done.
   * @throws {SomaError} `resource/exhausted` when too many wait; what aborts the wait.
   */
  async take(signal: AbortSignal): Promise<() => void> {
    if (this.#waiting >= this.#waitingMax) throw tooMany(this.#waiting)
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

  /** @throws what `take` and `work` throw. */
  async run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    const finish = await this.take(signal)
    try {
      return await work()
    } finally {
      finish()
    }
  }

  /** @throws what `take` and the generator throw. */
  async *stream<Event, Result>(signal: AbortSignal, start: () => AsyncGenerator<Event, Result, void>): AsyncGenerator<Event, Result, void> {
    const finish = await this.take(signal)
    try {
      return yield* start()
    } finally {
      finish()
    }
  }

  /** Resolves when the turns taken so far have ended. */
  idle(): Promise<void> {
    return this.#last
  }
}

function tooMany(waiting: number): SomaError {
  return new SomaError('resource/exhausted', `${waiting} calls wait for this model already; try again later`, { details: { waiting } })
}
