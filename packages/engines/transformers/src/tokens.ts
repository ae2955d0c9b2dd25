import { contextOverflow } from './errors.ts'
import type { Encoding, Library, LibraryTensor, Tokenizer } from './library.ts'

/** A text, or two, as a model takes it. */
export interface Sequence {
  readonly ids: readonly number[]
  /** Which of two texts a token is of, where the model wants to know. */
  readonly types: readonly number[] | undefined
}

export interface Fitted extends Sequence {
  readonly truncated: boolean
}

/** Tokens of texts, held against the number that the model takes: the library itself would cut them without a word. */
export class Tokens {
  readonly tokenizer: Tokenizer
  readonly max: number
  readonly #library: Library

  constructor(library: Library, tokenizer: Tokenizer, max: number) {
    this.#library = library
    this.tokenizer = tokenizer
    this.max = max
  }

  /** @throws {SomaError} `model/context-overflow` naming `what`. */
  encode(what: string, text: string, pair?: string): Sequence {
    return this.checked(what, this.#encode(text, pair))
  }

  /** The same sequence. @throws {SomaError} `model/context-overflow` naming `what`. */
  checked(what: string, sequence: Sequence): Sequence {
    if (sequence.ids.length > this.max) throw contextOverflow(what, sequence.ids.length, this.max)
    return sequence
  }

  /** As `encode`, or with the end of the text (of the second, of two) cut off so that it fits. */
  fit(what: string, text: string, options: { readonly pair?: string | undefined; readonly truncate: boolean }): Fitted {
    const { pair, truncate } = options
    const sequence = this.#encode(text, pair)
    const surplus = sequence.ids.length - this.max
    if (surplus <= 0) return { ...sequence, truncated: false }
    const cut = truncate ? this.#cut(sequence, this.plain(pair ?? text), surplus) : undefined
    if (cut) return { ...cut, truncated: true }
    throw contextOverflow(what, sequence.ids.length, this.max)
  }

  /** The text alone, without what marks its beginning and end. */
  plain(text: string): readonly number[] {
    return this.tokenizer(text, { add_special_tokens: false, return_tensor: false }).input_ids
  }

  /** Filled up to the full length, for models that were trained so. */
  padded({ ids }: Sequence): Sequence {
    const fill = Array.from({ length: this.max - ids.length }, () => this.tokenizer.pad_token_id ?? 0)
    return { ids: [...ids, ...fill], types: undefined }
  }

  /** Tensors int64[1, tokens] by the names that the library knows. */
  feeds(sequence: Sequence): Record<string, LibraryTensor> {
    return this.batch([sequence])
  }

  /** Tensors int64[sequences, tokens of the longest], the others filled up behind their ends. */
  batch(sequences: readonly Sequence[]): Record<string, LibraryTensor> {
    const columns = Math.max(...sequences.map(({ ids }) => ids.length))
    const matrix = (fill: number, of: (sequence: Sequence) => readonly number[]): LibraryTensor => {
      const values = new BigInt64Array(sequences.length * columns).fill(BigInt(fill))
      for (const [index, sequence] of sequences.entries()) values.set(of(sequence).map(BigInt), index * columns)
      return new this.#library.Tensor('int64', values, [sequences.length, columns])
    }
    return {
      input_ids: matrix(this.tokenizer.pad_token_id ?? 0, ({ ids }) => ids),
      attention_mask: matrix(0, ({ ids }) => ids.map(() => 1)),
      ...(sequences.every(({ types }) => types) && { token_type_ids: matrix(0, ({ types }) => types ?? []) }),
    }
  }

  decode(ids: readonly number[], options: { readonly special?: boolean } = {}): string {
    return ids.length === 0 ? '' : this.tokenizer.decode(ids, { skip_special_tokens: options.special !== true })
  }

  #encode(text: string, pair: string | undefined): Sequence {
    const encoding: Encoding = this.tokenizer(text, { return_tensor: false, ...(pair !== undefined && { text_pair: pair }) })
    return { ids: encoding.input_ids, types: encoding.token_type_ids }
  }

  /** Cuts before the tokens that mark the end, which models look at. Undefined when the text is too short for it. */
  #cut({ ids, types }: Sequence, text: readonly number[], surplus: number): Sequence | undefined {
    if (text.length <= surplus) return undefined
    const end = endOf(ids, text)
    const without = (list: readonly number[]): number[] => [...list.slice(0, end - surplus), ...list.slice(end)]
    return { ids: without(ids), types: types && without(types) }
  }
}

/** Where the last tokens of a text end in a sequence; its own end when they are not found. */
function endOf(ids: readonly number[], text: readonly number[]): number {
  for (let end = ids.length; end >= text.length; end--) if (text.every((id, index) => ids[end - text.length + index] === id)) return end
  return ids.length
}
