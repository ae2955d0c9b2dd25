/** Second names of models. An alias is never the name of a model too. */
export class Aliases {
  readonly #targets = new Map<string, string>()
  readonly #byModel = new Map<string, Set<string>>()

  /** The name that `alias` stands for, if it is one. */
  targetOf(alias: string): string | undefined {
    return this.#targets.get(alias)
  }

  /** The second names of a model, in order. */
  of(model: string): string[] {
    const aliases = this.#byModel.get(model)
    return aliases ? [...aliases].sort() : []
  }

  names(): Iterable<string> {
    return this.#targets.keys()
  }

  set(alias: string, model: string): void {
    this.delete(alias)
    this.#targets.set(alias, model)
    const aliases = this.#byModel.get(model) ?? new Set()
    this.#byModel.set(model, aliases.add(alias))
  }

  delete(alias: string): void {
    const model = this.#targets.get(alias)
    if (model === undefined) return
    this.#targets.delete(alias)
    const others = this.#byModel.get(model)
    others?.delete(alias)
    if (others?.size === 0) this.#byModel.delete(model)
  }
}
