/** Lets text through up to where one of some texts would begin, holding back what could be the beginning of one. */
export class StopText {
  readonly #stops: readonly string[]
  #held = ''
  #stopped = false

  constructor(stops: readonly string[]) {
    this.#stops = stops
  }

  get stopped(): boolean {
    return this.#stopped
  }

  add(text: string): string {
    const all = this.#held + text
    const at = Math.min(...this.#stops.map((stop) => all.indexOf(stop)).filter((index) => index >= 0))
    if (at !== Infinity) {
      this.#stopped = true
      this.#held = ''
      return all.slice(0, at)
    }
    const held = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)))
    this.#held = all.slice(all.length - held)
    return all.slice(0, all.length - held)
  }

  /** What was held back, and turned out to be text. */
  end(): string {
    return this.#held
  }
}

/** How much of the end of a text is the beginning of another. */
export function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) if (stop.startsWith(text.slice(-length))) return length
  return 0
}
