/** The last code point. What lies beyond stands for tokens, which are named by their number. */
export const CODE_POINT_MAX = 0x10_ffff
const TOKEN_MAX = 2 ** 32 - 1

/** Inclusive, in ascending order and without touching each other. */
export type Ranges = ReadonlyArray<readonly [low: number, high: number]>

/** One of some characters, or another rule. */
export type Element = { readonly chars: Ranges } | { readonly rule: number }

/** Alternatives, each a sequence. */
export interface GbnfRule {
  /** As the grammar calls it, or the rule in which it stands. */
  readonly name: string
  /** Where it stands in the grammar. */
  readonly at: number
  /** It stands for a repetition without end, and refers to itself. */
  readonly repeats: boolean
  readonly alternatives: ReadonlyArray<readonly Element[]>
}

/** A grammar as llama.cpp makes it of a text: with rules of their own for what stands in brackets or is repeated. */
export interface Gbnf {
  readonly rules: readonly GbnfRule[]
  readonly root: number
}

export const anyCharacter: Ranges = [[0, CODE_POINT_MAX]]

/** Of a class, in the order in which it lists them. */
export function classRanges(listed: Ranges, isNegated: boolean): Ranges {
  const joined: Array<[number, number]> = []
  for (const [low, high] of listed.toSorted(([a], [b]) => a - b)) {
    const last = joined.at(-1)
    if (last && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else joined.push([low, high])
  }
  return isNegated ? inverted(joined, 0, CODE_POINT_MAX) : joined
}

/** Of one token, or of all others. */
export function tokenRanges(id: number, isNegated: boolean): Ranges {
  const first = CODE_POINT_MAX + 1
  const one: Ranges = [[first + id, first + id]]
  return isNegated ? inverted(one, first, first + TOKEN_MAX) : one
}

function inverted(ranges: Ranges, least: number, most: number): Ranges {
  const between: Array<[number, number]> = []
  let low = least
  for (const [from, to] of ranges) {
    if (from > low) between.push([low, from - 1])
    low = to + 1
  }
  if (low <= most) between.push([low, most])
  return between
}
