import { type Clock, SomaError } from '@soma/core'
import { STALL_MS } from './limits.ts'

/** Aborts an attempt that receives nothing for too long. Looks twice per period instead of arming a timer per chunk. */
export class StallWatch implements Disposable {
  readonly #clock: Clock
  readonly #abort: AbortController
  #timer: Disposable
  #moved = true

  constructor(clock: Clock, abort: AbortController) {
    this.#clock = clock
    this.#abort = abort
    this.#timer = this.#arm(false)
  }

  moved(): void {
    this.#moved = true
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]()
  }

  #arm(wasStill: boolean): Disposable {
    return this.#clock.schedule(STALL_MS / 2, () => {
      const still = !this.#moved
      if (still && wasStill) return this.#abort.abort(new SomaError('source/unavailable', `nothing came for ${STALL_MS / 1000} seconds`))
      this.#moved = false
      this.#timer = this.#arm(still)
    })
  }
}
