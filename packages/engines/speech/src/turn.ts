import { untilAborted } from '@soma/core'

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
