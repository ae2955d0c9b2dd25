import type { Tokenizer } from '../chat/guarded-text.ts'
import { TOKENIZE_PIECE_LENGTH } from '../limits.ts'

/** What a model's file says of its tokens. */
export interface Vocabulary {
  readonly tokens?: readonly string[] | undefined
  readonly token_type?: readonly number[] | undefined
}

/** Types of tokens that are cut out of the text before the rest of it is tokenized: unknown, control, defined by the user. */
const wholeTypes: ReadonlySet<number | undefined> = new Set([2, 3, 4])

/**
 * The same tokens, in time that grows with the text and not with its square. It is cut only before a token that would be cut out
 * anyway, and not behind blanks, which some of those take to themselves.
 */
export function piecewise(
  tokenize: Tokenizer['tokenize'],
  { tokens = [], token_type: types = [] }: Vocabulary = {},
): Tokenizer['tokenize'] {
  const whole = Map.groupBy(
    tokens.filter((text, index) => text !== '' && wholeTypes.has(types[index])),
    ([first]) => first,
  )
  const begins = (text: string, at: number): boolean =>
    whole.get(String.fromCodePoint(text.codePointAt(at) ?? 0))?.some((token) => text.startsWith(token, at)) === true
  return (text, specialTokens) => {
    const parts = text.length <= TOKENIZE_PIECE_LENGTH ? [text] : pieces(text, begins)
    return parts.length === 1 ? tokenize(text, specialTokens) : parts.flatMap((part) => tokenize(part, specialTokens))
  }
}

function pieces(text: string, begins: (text: string, at: number) => boolean): string[] {
  const parts: string[] = []
  let start = 0
  for (let at = TOKENIZE_PIECE_LENGTH; at < text.length; at++) {
    if (/\s/.test(text[at - 1] ?? '') || !begins(text, at)) continue
    parts.push(text.slice(start, at))
    start = at
    at += TOKENIZE_PIECE_LENGTH - 1
  }
  return [...parts, text.slice(start)]
}
