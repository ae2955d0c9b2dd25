import { PARTIAL_TOKENS_MAX } from '../limits.ts'

export interface TokenTexts {
  detokenize(tokens: readonly number[], specialTokens?: boolean, lastTokens?: readonly number[]): string
}

/** Before this many of them, tokens have no influence on how the next ones are written. */
const CONTEXT_TOKENS = 3
const REPLACEMENT = '\uFFFD'

/** Tokens to text, one by one: what ends in half a character waits for the rest of it. */
export class Detokenizer {
  readonly #model: TokenTexts
  readonly #showsControl: boolean
  #pending: number[] = []
  #last: number[] = []

  /** @param showsControl whether tokens that control the model have a text, too. */
  constructor(model: TokenTexts, showsControl: boolean) {
    this.#model = model
    this.#showsControl = showsControl
  }

  push(token: number): string {
    this.#pending.push(token)
    const text = this.#text()
    if (text.endsWith(REPLACEMENT) && this.#pending.length < PARTIAL_TOKENS_MAX) return ''
    this.#last = [...this.#last, ...this.#pending].slice(-CONTEXT_TOKENS)
    this.#pending = []
    return text
  }

  /** What is left at the end: half a character, as the replacement character. */
  end(): string {
    const text = this.#pending.length > 0 ? this.#text() : ''
    this.#pending = []
    return text
  }

  #text(): string {
    return this.#model.detokenize(this.#pending, this.#showsControl, this.#last)
  }
}
