import { setImmediate } from 'node:timers'

/**
 * Lets the sequences of a context compute together: one pass over the weights gives each of them its next token. The library
 * puts into a batch whoever asks at that moment, so that sequences which ask a little apart are computed one after the other.
 * Here, whoever is ready waits until all that compute have come back, and then all ask at once.
 */
export class Rounds {
  #members = 0
  #computing = 0
  #isScheduled = false
  readonly #ready: Array<() => void> = []

  /** To be held by each generation while it runs: one alone waits for nobody. */
  join(): Disposable {
    this.#members++
    return { [Symbol.dispose]: () => void this.#members-- }
  }

  /** Begins a step together with those of the others. */
  step<Result>(begin: () => Promise<Result>): Promise<Result> {
    if (this.#members <= 1 && this.#ready.length === 0) return begin()
    return new Promise((resolve, reject) => {
      this.#ready.push(() => {
        this.#computing++
        const back = (): void => {
          this.#computing--
          this.#schedule()
        }
        const result = begin()
        result.then(back, back)
        result.then(resolve, reject)
      })
      this.#schedule()
    })
  }

  /** A little later: those that came back last have then said whether they go on. */
  #schedule(): void {
    if (this.#computing > 0 || this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      if (this.#computing === 0) for (const begin of this.#ready.splice(0)) begin()
    })
  }
}
