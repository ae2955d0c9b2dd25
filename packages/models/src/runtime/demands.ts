/** Who wants a model, and until when: the calls that wait together count once, and whoever wants it in memory without a call. */
export class Demands {
  readonly #told: (model: string, due: number | null) => void
  readonly #dues = new Map<string, Map<object, number>>()

  /** @param told the most urgent of all demands on a model, whenever it changes; null when there is none any more. */
  constructor(told: (model: string, due: number | null) => void) {
    this.#told = told
  }

  set(model: string, by: object, due: number | null): void {
    const before = this.dueOf(model)
    const dues = this.#dues.get(model) ?? new Map<object, number>()
    if (due === null) dues.delete(by)
    else dues.set(by, due)
    if (dues.size === 0) this.#dues.delete(model)
    else this.#dues.set(model, dues)
    const after = this.dueOf(model)
    if (after !== before) this.#told(model, after)
  }

  /** All of them are answered: nobody is told. */
  clear(model: string): void {
    this.#dues.delete(model)
  }

  dueOf(model: string): number | null {
    const dues = this.#dues.get(model)
    return dues ? Math.min(...dues.values()) : null
  }
}
