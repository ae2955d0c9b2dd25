import type { ChatMessage, Tool } from '@soma/spec'
import { TOKENIZED_KEPT_LENGTH_MAX, TOKENIZED_KEPT_MAX } from '../limits.ts'

export interface Tokenizer {
  tokenize(text: string, specialTokens?: boolean): number[]
}

/** Private characters of Unicode, none of which means anything: the first that a request does not hold is its guard. */
const guards = Array.from({ length: 16 }, (_, index) => String.fromCodePoint(0xf_8f00 + index))
/** What tokens that control models begin with, in every family of models: `<|im_end|>`, `</s>`, `[INST]`. */
const openers = /[<[]/g

/**
 * Keeps what people write from being read as tokens that control the model: a message that says `<|im_end|>` must not end itself.
 * A guard is put after each character with which such a token could begin, in those texts only that hold one; the template
 * carries it to where the text ends up, and there tokens are cut at it.
 */
export class TextGuard {
  readonly #model: Tokenizer
  #guard: string | undefined

  constructor(model: Tokenizer) {
    this.#model = model
  }

  messages(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    return this.#deep(messages)
  }

  tools(tools: readonly Tool[] | undefined): readonly Tool[] | undefined {
    return tools && this.#deep(tools)
  }

  /** Tokens of a text that holds guarded ones. */
  tokenize(text: string): number[] {
    if (this.#guard === undefined) return this.#model.tokenize(text, true)
    const known = new Map<string, number[]>()
    return text.split(this.#guard).flatMap((part) => this.#part(part, known))
  }

  /** The parts of a text full of openers are mostly the same few. */
  #part(part: string, known: Map<string, number[]>): number[] {
    if (part.length > TOKENIZED_KEPT_LENGTH_MAX) return this.#model.tokenize(part, true)
    const tokens = known.get(part) ?? this.#model.tokenize(part, true)
    if (known.size < TOKENIZED_KEPT_MAX) known.set(part, tokens)
    return tokens
  }

  #deep<Value>(value: Value): Value {
    if (typeof value === 'string') return this.#text(value) as Value
    if (Array.isArray(value)) return value.map((item: unknown) => this.#deep(item)) as Value
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]: [string, unknown]) => [this.#text(key), this.#deep(item)])) as Value
  }

  #text(text: string): string {
    if (!this.#isDangerous(text)) return text
    const guard = (this.#guard ??= guards.find((candidate) => !text.includes(candidate)) ?? '')
    return guard === '' ? text.replace(openers, '') : text.replaceAll(guard, '').replace(openers, (opener) => opener + guard)
  }

  /** Whether it means something else where control tokens are read than where they are not. */
  #isDangerous(text: string): boolean {
    if (text.search(openers) < 0) return false
    const plain = this.#model.tokenize(text, false)
    const special = this.#model.tokenize(text, true)
    return plain.length !== special.length || plain.some((token, index) => token !== special[index])
  }
}
