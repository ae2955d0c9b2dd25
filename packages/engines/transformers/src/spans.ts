import type { Tokens } from './tokens.ts'

/** A stretch of a text, in UTF-16 code units. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Characters of the text that are searched for a token: more lie between two only where a tokenizer drops much. */
const LOOKAHEAD = 64

/**
 * Where each token stands in its text; undefined for tokens that mark something and for those that cannot be found. The
 * tokenizer does not tell: it may lower case, drop accents and mark the beginnings of words, so letters are compared without these.
 */
export function spansOf(tokens: Tokens, text: string, ids: readonly number[]): Array<Span | undefined> {
  const letters = lettersOf(text)
  const special = new Set(tokens.tokenizer.all_special_ids)
  let at = 0
  return ids.map((id) => {
    if (special.has(id)) return undefined
    const wanted = lettersOf(tokens.decode([id], { special: true }).replace(/^##(?=.)/s, '')).map(({ letter }) => letter)
    if (wanted.length === 0) return undefined
    const found = find(letters, wanted, at)
    if (found < 0) return undefined
    at = found + wanted.length
    return { start: letters[found]?.start ?? 0, end: letters[at - 1]?.end ?? 0 }
  })
}

/** How many characters (code points) come before a place: what other languages count. */
export function charactersBefore(text: string, place: number): number {
  return Array.from(text.slice(0, place)).length
}

interface Letter extends Span {
  readonly letter: string
}

/** Without white space and marks of word beginnings, in lower case, accents apart and dropped. */
function lettersOf(text: string): Letter[] {
  const letters: Letter[] = []
  let start = 0
  for (const character of text) {
    const end = start + character.length
    for (const letter of character.normalize('NFKD').toLowerCase())
      if (!/[\s\u2581\p{M}]/u.test(letter)) letters.push({ letter, start, end })
    start = end
  }
  return letters
}

function find(letters: readonly Letter[], wanted: readonly string[], from: number): number {
  for (let at = from; at < Math.min(letters.length, from + LOOKAHEAD); at++)
    if (wanted.every((letter, index) => letters[at + index]?.letter === letter)) return at
  return -1
}
