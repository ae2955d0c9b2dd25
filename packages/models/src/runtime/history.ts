import type { Clock } from '@soma/core'
import { HISTORY_MAX, KNOWN_MAX } from './limits.ts'

/** What a model is called to whoever is told: not everybody may know of every model. */
export type NameOf = (model: string) => string

/** Something that happened to a model, and why. */
export interface Happening {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly what: string
  /** One sentence; a function where it names other models. */
  readonly why: Why
}

export type Why = string | ((nameOf: NameOf) => string)

export function say(why: Why, nameOf: NameOf): string {
  return typeof why === 'string' ? why : why(nameOf)
}

/** What happened last to each model: for `soma model explain`. */
export class History {
  readonly #clock: Clock
  readonly #rings = new Map<string, Happening[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  note(model: string, what: string, why: Why): void {
    const ring = this.#rings.get(model) ?? []
    ring.push({ at: this.#clock.now(), what, why })
    if (ring.length > HISTORY_MAX) ring.shift()
    this.#rings.delete(model)
    this.#rings.set(model, ring)
    const [oldest] = this.#rings.keys()
    if (this.#rings.size > KNOWN_MAX && oldest !== undefined) this.#rings.delete(oldest)
  }

  /** Newest first. */
  of(model: string): Happening[] {
    return [...(this.#rings.get(model) ?? [])].reverse()
  }

  /** Whoever installs another model under the name is not told of this one. */
  forget(model: string): void {
    this.#rings.delete(model)
  }

  last(model: string): Happening | undefined {
    return this.#rings.get(model)?.at(-1)
  }
}
