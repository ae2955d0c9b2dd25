import { abortError, throwIfAborted } from '@soma/core'

/** Lets so many hold it at once, in the order they asked. The number may change between two requests. */
export class Semaphore {
  readonly #max: () => number
  readonly #waiting = new Set<() => void>()
  #held = 0

  constructor(max: () => number) {
    this.#max = max
  }

  /** Waits for a place; dispose it to give it back. */
  async acquire(signal: AbortSignal): Promise<Disposable> {
    throwIfAborted(signal)
    if (this.#held >= this.#max()) await this.#turn(signal)
    else this.#held++
    return { [Symbol.dispose]: () => this.#release() }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => {
      this.#waiting.delete(resolve)
      reject(abortError(signal))
    }
    this.#waiting.add(resolve)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Hands the place on: whoever waits has it before anybody new can ask. */
  #release(): void {
    this.#held--
    for (const next of this.#waiting) {
      if (this.#held >= this.#max()) return
      this.#held++
      this.#waiting.delete(next)
      next()
    }
  }
}
