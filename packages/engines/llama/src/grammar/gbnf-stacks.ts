import { GRAMMAR_PLACES_MAX, GRAMMAR_STACKS_MAX } from '../limits.ts'
import type { Element, Gbnf, Ranges } from './gbnf.ts'

/** The stack of a text that is complete. */
export const EMPTY_STACK = 0
/** Where a sequence has ended. */
const END = -1

/**
 * The stacks in which llama.cpp keeps what may come next: places in sequences, each to go on with when the one above is done.
 * Here a stack is a number, equal for equal stacks.
 */
export class GbnfStacks {
  /** More of them than this at once are too many. */
  readonly most: number
  readonly #root: number
  /** By rule: the place at which each alternative begins. */
  readonly #starts: number[][] = []
  /** By place: what stands there. */
  readonly #elements: Element[] = []
  readonly #isLast: boolean[] = []
  /** By stack: its top, and the stack below. */
  readonly #tops: number[] = [END]
  readonly #below: number[] = [EMPTY_STACK]
  readonly #known = new Map<number, number>()
  readonly #expanded = new Map<number, readonly number[]>()
  #steps = 0
  #hasTooMany = false

  constructor({ rules, root }: Gbnf) {
    this.#root = root
    for (const { alternatives } of rules) this.#starts.push(alternatives.map((sequence) => this.#place(sequence)))
    this.most = GRAMMAR_STACKS_MAX + Math.min(this.#elements.length, GRAMMAR_PLACES_MAX)
  }

  /** Stacks made or looked at so far. */
  get steps(): number {
    return this.#steps
  }

  /** Some text had more stacks than `most`; not all were made then. */
  get hasTooMany(): boolean {
    return this.#hasTooMany
  }

  /** Before the first character. */
  first(): number[] {
    return [...new Set((this.#starts[this.#root] ?? []).flatMap((start) => this.#expand(this.#push(EMPTY_STACK, start))))]
  }

  /** The stacks that a character leads to. */
  after(stack: number, character: number): readonly number[] {
    const chars = this.#chars(stack)
    this.#steps += 1 + chars.length
    return takes(chars, character) ? this.#expand(this.#rest(stack)) : []
  }

  /** Characters that tell the stacks apart, those first that go on in the most ways. */
  characters(ways: ReadonlyMap<number, number>): number[] {
    const changes = new Map<number, number>()
    const change = (at: number, by: number): void => void changes.set(at, (changes.get(at) ?? 0) + by)
    for (const [stack, count] of ways)
      for (const [low, high] of this.#chars(stack)) {
        this.#steps++
        change(low, count)
        change(high + 1, -count)
      }
    let sum = 0
    const sums = changes
      .entries()
      .toArray()
      .toSorted(([a], [b]) => a - b)
      .map(([at, by]) => [at, (sum += by)] as const)
    return sums
      .filter(([, count]) => count > 0)
      .toSorted(([, a], [, b]) => b - a)
      .map(([at]) => at)
  }

  #place(sequence: readonly Element[]): number {
    const start = this.#elements.length
    for (const [index, element] of sequence.entries()) {
      this.#elements.push(element)
      this.#isLast.push(index === sequence.length - 1)
    }
    return sequence.length === 0 ? END : start
  }

  #chars(stack: number): Ranges {
    const element = this.#elements[this.#tops[stack] ?? END]
    return element && 'chars' in element ? element.chars : []
  }

  /** The same with what stands at its top behind it. */
  #rest(stack: number): number {
    const [top = END, below = EMPTY_STACK] = [this.#tops[stack], this.#below[stack]]
    return this.#isLast[top] === true ? below : this.#push(below, top + 1)
  }

  #push(below: number, place: number): number {
    if (place === END) return below
    const key = below * this.#elements.length + place
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const stack = this.#tops.length
    this.#tops.push(place)
    this.#below.push(below)
    this.#known.set(key, stack)
    return stack
  }

  /** Follows rules until a character comes next, or nothing. */
  #expand(stack: number): readonly number[] {
    const known = this.#expanded.get(stack)
    if (known) return known
    const [todo, seen, found] = [[stack], new Set<number>(), new Array<number>()]
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      if (seen.has(next)) continue
      seen.add(next)
      const element = this.#elements[this.#tops[next] ?? END]
      if (!element || 'chars' in element) found.push(next)
      else for (const start of this.#starts[element.rule] ?? []) todo.push(this.#push(this.#rest(next), start))
      this.#hasTooMany ||= seen.size > 2 * this.most
      if (this.#hasTooMany) break
    }
    this.#steps += seen.size
    this.#expanded.set(stack, found)
    return found
  }
}

function takes(ranges: Ranges, character: number): boolean {
  return ranges.some(([low, high]) => low <= character && character <= high)
}
