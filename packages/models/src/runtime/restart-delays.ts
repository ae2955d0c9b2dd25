import { type Clock, type Rng, SomaError } from '@soma/core'
import { RESTART_DELAY_MS, RESTART_DELAY_MS_MAX, RESTART_JITTER, RESTART_RECORDS_MAX } from './limits.ts'

interface Failures {
  readonly count: number
  readonly retryAt: number
}

/**
 * Keeps a model that crashes its engine again and again from being restarted in a loop: the first crash costs nothing, each
 * further one doubles the wait. A call that the engine survives makes all forgotten.
 */
export class RestartDelays {
  readonly #clock: Clock
  readonly #rng: Rng
  readonly #failures = new Map<string, Failures>()

  constructor({ clock, rng }: { readonly clock: Clock; readonly rng: Rng }) {
    this.#clock = clock
    this.#rng = rng
  }

  /** @throws {SomaError} `engine/not-ready` with `retryAfterMs` while the model waits out its delay. */
  check(engine: string, model: string): void {
    const failures = this.#failures.get(key(engine, model))
    const retryAfterMs = Math.ceil((failures?.retryAt ?? 0) - this.#clock.monotonic())
    if (!failures || retryAfterMs <= 0) return
    throw new SomaError(
      'engine/not-ready',
      `model ${model} ended its engine ${engine} ${failures.count} times in a row; it is started again in ${retryAfterMs} ms at the earliest`,
      { details: { engine, model, failures: failures.count, retryAfterMs } },
    )
  }

  failed(engine: string, model: string): void {
    const name = key(engine, model)
    const count = (this.#failures.get(name)?.count ?? 0) + 1
    this.#failures.delete(name)
    this.#failures.set(name, { count, retryAt: this.#clock.monotonic() + this.#delayMs(count) })
    const [oldest] = this.#failures.keys()
    if (this.#failures.size > RESTART_RECORDS_MAX && oldest !== undefined) this.#failures.delete(oldest)
  }

  succeeded(engine: string, model: string): void {
    if (this.#failures.size > 0) this.#failures.delete(key(engine, model))
  }

  #delayMs(count: number): number {
    if (count === 1) return 0
    const spread = 1 + RESTART_JITTER * (2 * this.#rng.float() - 1)
    return Math.min(RESTART_DELAY_MS * 2 ** (count - 2), RESTART_DELAY_MS_MAX) * spread
  }
}

function key(engine: string, model: string): string {
  return `${engine}/${model}`
}
