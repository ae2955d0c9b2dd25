import type { Clock } from '@soma/core'
import { type Habits, keepMsAfterCall, nextWindow, noHabits, observe } from './adaptive.ts'
import { KNOWN_MAX } from './limits.ts'
import type { Plan } from './residency-state.ts'

/** What is known of models' habits, as plans for the residency. */
export class AdaptivePlans {
  readonly #clock: Clock
  readonly #habits = new Map<string, Habits>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** From before the restart. */
  remember(habits: ReadonlyMap<string, Habits>): void {
    for (const [model, of] of habits) this.#habits.set(model, of)
  }

  habitsOf(model: string): Habits {
    return this.#habits.get(model) ?? noHabits
  }

  /** A call came. Of every model, so that one that becomes adaptive has a past. */
  observe(model: string): void {
    const habits = observe(this.habitsOf(model), this.#clock.now())
    this.#habits.delete(model)
    this.#habits.set(model, habits)
    const [oldest] = this.#habits.keys()
    if (this.#habits.size > KNOWN_MAX && oldest !== undefined) this.#habits.delete(oldest)
  }

  /** While it is called. */
  afterCall(model: string): Plan {
    return { keepMs: keepMsAfterCall(this.habitsOf(model)), expectAt: null }
  }

  /** While it is away: when it comes back without a call, and for how long. */
  whileAway(model: string, loadMs: number): Plan {
    const now = this.#clock.now()
    const window = nextWindow(this.habitsOf(model), now)
    if (!window) return { keepMs: keepMsAfterCall(this.habitsOf(model)), expectAt: null }
    const from = Math.max(now, window.from - loadMs)
    return { keepMs: window.to - from, expectAt: this.#clock.monotonic() + from - now }
  }

  forget(model: string): void {
    this.#habits.delete(model)
  }
}
