import {
  GRAMMAR_READINGS_MAX,
  GRAMMAR_READINGS_SUSPECT,
  GRAMMAR_SUSPECT_STEPS_MAX,
  GRAMMAR_SEARCH_STEPS_MAX,
  GRAMMAR_SEARCH_TEXTS_MAX,
  GRAMMAR_TOKEN_LENGTH,
} from '../limits.ts'
import type { Gbnf } from './gbnf.ts'
import { GbnfStacks } from './gbnf-stacks.ts'

/** After one text: in how many ways it leads to each stack, since the last token ended. */
interface Reading {
  readonly ways: ReadonlyMap<number, number>
  /** Characters since then. */
  readonly length: number
  readonly total: number
}

/** The characters that are followed from a text with so many stacks: those that go on in the most ways. */
const branches = (stacks: number): number => (stacks <= 8 ? 16 : stacks <= 64 ? 4 : 2)

/**
 * Looks for a text that llama.cpp would read in so many ways at once that a token takes it seconds or longer, the number of
 * readings first. It does as llama.cpp: between tokens equal stacks are one, in a token each way to them is gone.
 * @param complain called where there is one.
 */
export function refuseManyReadings(grammar: Gbnf, complain: (what: string) => never): void {
  const stacks = new GbnfStacks(grammar)
  const search = new Search(stacks)
  let steps = GRAMMAR_SEARCH_STEPS_MAX
  for (let texts = 0; texts < GRAMMAR_SEARCH_TEXTS_MAX; texts++) {
    const reading = search.next()
    if (!reading) return
    if (reading.total > GRAMMAR_READINGS_SUSPECT) steps = GRAMMAR_SUSPECT_STEPS_MAX
    if (stacks.hasTooMany || reading.ways.size > stacks.most || reading.total > GRAMMAR_READINGS_MAX)
      complain(
        'one text can be read in too many ways at once; let the next character tell how it goes on, and repeat nothing that is repeated already',
      )
    if (stacks.steps >= steps) return
    search.follow(reading)
  }
}

class Search {
  readonly #stacks: GbnfStacks
  /** By the power of two of their readings. */
  readonly #open: Reading[][] = []
  /** The readings of a set of stacks that were followed already. */
  readonly #seen = new Map<string, number>()
  #goesDeep = false

  constructor(stacks: GbnfStacks) {
    this.#stacks = stacks
    this.#add({ ways: new Map(stacks.first().map((stack) => [stack, 1])), length: 0 })
  }

  /** Of those with the most readings the first and the last by turns: depth finds what grows, breadth what depth goes past. */
  next(): Reading | undefined {
    const most = this.#open.findLast((readings) => readings !== undefined && readings.length > 0)
    this.#goesDeep = !this.#goesDeep
    return this.#goesDeep ? most?.pop() : most?.shift()
  }

  follow({ ways, length }: Reading): void {
    // The best one last: it is then the next to be followed in depth.
    for (const character of this.#stacks.characters(ways).slice(0, branches(ways.size)).toReversed()) {
      const next = new Map<number, number>()
      for (const [stack, count] of ways)
        for (const after of this.#stacks.after(stack, character)) next.set(after, (next.get(after) ?? 0) + count)
      const isTokenEnd = length + 1 === GRAMMAR_TOKEN_LENGTH
      if (isTokenEnd) for (const stack of next.keys()) next.set(stack, 1)
      this.#add({ ways: next, length: isTokenEnd ? 0 : length + 1 })
    }
  }

  #add({ ways, length }: Omit<Reading, 'total'>): void {
    const total = ways.values().reduce((sum, count) => sum + count, 0)
    const key = ways
      .keys()
      .toArray()
      .toSorted((a, b) => a - b)
      .join()
    if (total === 0 || (this.#seen.get(key) ?? 0) >= total) return
    this.#seen.set(key, total)
    const level = Math.ceil(Math.log2(total))
    ;(this.#open[level] ??= []).push({ ways, length, total })
  }
}
