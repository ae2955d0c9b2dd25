import type { Tokens } from './tokens.ts'

/**
 * Text of tokens as they come. A token's text can depend on the one before it, and a character can take several tokens:
 * the last few tokens are decoded anew each time, and what is not a whole character yet is held back.
 */
export class Detokeniser {
  readonly #tokens: Tokens
  #ids: number[] = []
  /** How many of them have been given out already. */
  #given = 0

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  /** @returns what is new; empty while a character is incomplete. */
  add(id: number): string {
    this.#ids.push(id)
    const text = this.#fresh()
    if (text === '' || text.endsWith('\ufffd')) return ''
    this.#ids = this.#ids.slice(this.#given)
    this.#given = this.#ids.length
    return text
  }

  /** What was held back. */
  end(): string {
    return this.#fresh()
  }

  #fresh(): string {
    const before = this.#decode(this.#ids.slice(0, this.#given))
    return this.#decode(this.#ids).slice(before.length)
  }

  #decode(ids: readonly number[]): string {
    return this.#tokens.decode(ids)
  }
}
