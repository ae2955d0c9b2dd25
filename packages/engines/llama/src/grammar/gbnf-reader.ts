import { GRAMMAR_ELEMENTS_MAX, GRAMMAR_EXPANDED_RULES_MAX, GRAMMAR_NESTING_MAX, GRAMMAR_REPEAT_MAX, GRAMMAR_RULES_MAX } from '../limits.ts'
import { type Element, type Gbnf, type Ranges, anyCharacter, classRanges, tokenRanges } from './gbnf.ts'
import type { GbnfText, Repetition } from './gbnf-text.ts'

interface Rule {
  readonly name: string
  readonly at: number
  readonly repeats: boolean
  /** Empty until it is defined. */
  alternatives: Element[][]
}

/** What may be repeated. */
interface Item {
  readonly elements: Element[]
  /** Rules that came with it: so many copies of it has llama.cpp's bound on repetitions inside of repetitions. */
  readonly symbols: number
}

const TOKEN_DIGITS_MAX = 2 ** 31 - 1

/**
 * Reads a grammar as llama.cpp does, rule by rule as it makes them, and refuses what it refuses, which prints the whole text
 * then. More is refused than there: what it takes in silence for something else, and what makes it use memory without end.
 */
export class GbnfReader {
  readonly #text: GbnfText
  readonly #rules: Rule[] = []
  readonly #ids = new Map<string, number>()
  #elements = 0

  constructor(text: GbnfText) {
    this.#text = text
  }

  /** @throws {SomaError} `model/input-mismatch` with the line and column, and what is wrong there. */
  read(): Gbnf {
    this.#text.space(true)
    while (!this.#text.isAtEnd) this.#rule()
    const root = this.#ids.get('root')
    if (root === undefined) this.#text.fail('there is no rule named root, with which a text begins')
    const missing = this.#rules.find(({ alternatives }) => alternatives.length === 0)
    if (missing) this.#text.fail(`the rule ${missing.name} is defined nowhere`, missing.at)
    return { rules: this.#rules, root }
  }

  #rule(): void {
    const { at } = this.#text
    const name = this.#text.name() ?? this.#text.fail('the name of a rule is expected')
    this.#text.space(false)
    this.#text.expect('::=', 'after the name of a rule')
    this.#text.space(true)
    const id = this.#idOf(name, at)
    const rule = this.#rules[id]
    if (!rule || rule.alternatives.length > 0) this.#text.fail(`the rule ${name} is defined a second time`, at)
    rule.alternatives = this.#alternatives(rule, 0)
    if (!this.#text.lineEnd() && !this.#text.isAtEnd) this.#text.fail('the end of the line is expected after a rule')
    this.#text.space(true)
  }

  #alternatives(of: Rule, depth: number): Element[][] {
    const alternatives = [this.#sequence(of, depth)]
    while (this.#text.take('|')) {
      this.#text.space(true)
      alternatives.push(this.#sequence(of, depth))
    }
    return alternatives
  }

  #sequence(of: Rule, depth: number): Element[] {
    const sequence: Element[] = []
    let [start, symbols] = [0, 1]
    for (;;) {
      const { at } = this.#text
      const item = this.#item(of, depth)
      const repetition = item ? undefined : this.#text.repetition(depth > 0)
      if (item) {
        start = sequence.length
        symbols = item.symbols
        this.#append(sequence, item.elements, at)
      } else if (repetition) {
        if (start === sequence.length) this.#text.fail('there is nothing before it that could be repeated', at)
        symbols *= repetition.most || repetition.least || 1
        if (symbols > GRAMMAR_REPEAT_MAX) this.#text.fail(`repetitions in repetitions come to more than ${GRAMMAR_REPEAT_MAX} copies`, at)
        this.#repeat(of, { sequence, start, at }, repetition)
      } else return sequence
      this.#text.space(depth > 0)
    }
  }

  #item(of: Rule, depth: number): Item | undefined {
    const { at } = this.#text
    if (this.#text.take('"')) return { elements: this.#literal(), symbols: 1 }
    if (this.#text.take('[')) return { elements: [{ chars: this.#class() }], symbols: 1 }
    if (this.#text.take('.')) return { elements: [{ chars: anyCharacter }], symbols: 1 }
    if (this.#text.take('<')) return { elements: [{ chars: this.#token(false) }], symbols: 1 }
    if (this.#text.take('!<')) return { elements: [{ chars: this.#token(true) }], symbols: 1 }
    if (this.#text.take('(')) return this.#group(of, depth + 1, at)
    const name = this.#text.name()
    return name === undefined ? undefined : { elements: [{ rule: this.#idOf(name, at) }], symbols: 1 }
  }

  #literal(): Element[] {
    const elements: Element[] = []
    while (!this.#text.take('"')) {
      const code = this.#text.character('the quote after a text')
      elements.push({ chars: [[code, code]] })
    }
    return elements
  }

  #class(): Ranges {
    const { at } = this.#text
    const isNegated = this.#text.take('^')
    const listed: Array<[number, number]> = []
    while (!this.#text.take(']')) {
      const low = this.#text.character('] after a class')
      const high = this.#text.dash() ? this.#text.character('] after a class') : low
      if (high < low) this.#text.fail('a range goes from a lower to a higher character', at)
      listed.push([low, high])
    }
    if (listed.length === 0) this.#text.fail('a class without a character is none; write . for any', at)
    return classRanges(listed, isNegated)
  }

  #token(isNegated: boolean): Ranges {
    if (!this.#text.take('[')) this.#text.fail('a token is named by its number here, as in <[5]>')
    const id = this.#text.integer('as the number of a token')
    if (id > TOKEN_DIGITS_MAX) this.#text.fail('there is no such token')
    this.#text.expect(']>', 'after the number of a token')
    return tokenRanges(id, isNegated)
  }

  #group(of: Rule, depth: number, at: number): Item {
    if (depth > GRAMMAR_NESTING_MAX) this.#text.fail(`brackets are nested deeper than ${GRAMMAR_NESTING_MAX} levels`)
    this.#text.space(true)
    const before = this.#rules.length
    const rule = this.#add(of.name, at)
    rule.alternatives = this.#alternatives(rule, depth)
    this.#text.expect(')', 'after a group')
    return { elements: [{ rule: before }], symbols: this.#rules.length - before }
  }

  /** As llama.cpp does it: copies as often as it must come, and a chain of rules, or one that refers to itself, for what may. */
  #repeat(of: Rule, { sequence, start, at }: { sequence: Element[]; start: number; at: number }, { least, most }: Repetition): void {
    const once = sequence.slice(start)
    if (least === 0) sequence.length = start
    for (let count = 1; count < least; count++) this.#append(sequence, once, at)
    let last: Element | undefined
    for (let count = most === undefined ? 1 : most - least; count > 0; count--) {
      const next: Element = { rule: this.#rules.length }
      const rule = this.#add(of.name, at, most === undefined)
      const follows = most === undefined ? next : last
      const optional: Element[] = []
      this.#append(optional, follows ? [...once, follows] : once, at)
      rule.alternatives = [optional, []]
      last = next
    }
    if (last) this.#append(sequence, [last], at)
  }

  #append(sequence: Element[], elements: readonly Element[], at: number): void {
    this.#elements += elements.length
    if (this.#elements > GRAMMAR_ELEMENTS_MAX)
      this.#text.fail(`written out, the grammar has more than ${GRAMMAR_ELEMENTS_MAX} characters and rules`, at)
    for (const element of elements) sequence.push(element)
  }

  #idOf(name: string, at: number): number {
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    if (this.#ids.size >= GRAMMAR_RULES_MAX) this.#text.fail(`there are more than ${GRAMMAR_RULES_MAX} rules`, at)
    const id = this.#rules.length
    this.#ids.set(name, id)
    this.#add(name, at)
    return id
  }

  #add(name: string, at: number, repeats = false): Rule {
    if (this.#rules.length >= GRAMMAR_EXPANDED_RULES_MAX)
      this.#text.fail(`written out, the grammar has more than ${GRAMMAR_EXPANDED_RULES_MAX} rules`, at)
    const rule: Rule = { name, at, repeats, alternatives: [] }
    this.#rules.push(rule)
    return rule
  }
}
