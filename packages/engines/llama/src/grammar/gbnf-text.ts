import { badGrammar } from '../errors.ts'
import { GRAMMAR_REPEAT_MAX } from '../limits.ts'
import { CODE_POINT_MAX } from './gbnf.ts'

const BLANKS = /(?:[ \t]+|#[^\r\n]*)*/y
const BLANKS_AND_LINES = /(?:[ \t\r\n]+|#[^\r\n]*)*/y
const NAME = /[A-Za-z0-9-]+/y
const DIGITS = /[0-9]+/y
const DASH_BETWEEN = /-[^\]]/y
const LINE_END = /\r\n|\r|\n/y
const ESCAPE_CODES: Readonly<Record<string, RegExp>> = { x: /[0-9a-fA-F]{2}/y, u: /[0-9a-fA-F]{4}/y, U: /[0-9a-fA-F]{8}/y }
const ESCAPES: Readonly<Record<string, string>> = { t: '\t', r: '\r', n: '\n', '\\': '\\', '"': '"', '[': '[', ']': ']', '-': '-' }

/** How often something is repeated. */
export interface Repetition {
  readonly least: number
  /** Undefined: without end. */
  readonly most: number | undefined
}

/** A grammar's text, read from its beginning to its end, and the places in it. */
export class GbnfText {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    const end = text.indexOf('\0')
    if (end >= 0) this.fail('there is a character 0, at which llama.cpp would stop reading', end)
  }

  /** Where it stands, in UTF-16 units. */
  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  /** Whether this comes next; it is left behind then. */
  take(wanted: string): boolean {
    const comes = this.#text.startsWith(wanted, this.#at)
    if (comes) this.#at += wanted.length
    return comes
  }

  expect(wanted: string, where: string): void {
    if (!this.take(wanted)) this.fail(`${wanted} is expected ${where}`)
  }

  /** Leaves blanks and comments behind. */
  space(withLines: boolean): void {
    this.#match(withLines ? BLANKS_AND_LINES : BLANKS)
  }

  lineEnd(): boolean {
    return this.#match(LINE_END) !== undefined
  }

  name(): string | undefined {
    return this.#match(NAME)
  }

  /** Whether what comes makes a range of a class: a dash at its end is one. */
  dash(): boolean {
    return this.#match(DASH_BETWEEN, true) !== undefined && this.take('-')
  }

  /** @param where it is expected, for whom it is missing. */
  integer(where: string): number {
    const digits = this.#match(DIGITS) ?? this.fail(`a number is expected ${where}`)
    return Number(digits)
  }

  /** `*`, `+`, `?` or counts in braces; undefined where something else comes. */
  repetition(withLines: boolean): Repetition | undefined {
    if (this.take('*')) return { least: 0, most: undefined }
    if (this.take('+')) return { least: 1, most: undefined }
    if (this.take('?')) return { least: 0, most: 1 }
    return this.take('{') ? this.#counts(withLines) : undefined
  }

  /** A character of a text or class, as it stands or escaped. */
  character(end: string): number {
    if (this.isAtEnd) this.fail(`${end} is missing`)
    if (this.take('\\')) return this.#escaped()
    const code = this.#text.codePointAt(this.#at) ?? 0
    this.#at += code > 0xffff ? 2 : 1
    return code
  }

  /** @throws {SomaError} `model/input-mismatch` with the line and column, both counted from 1. */
  fail(what: string, at = this.#at): never {
    const before = this.#text.slice(0, at).split(/\r\n|\r|\n/)
    throw badGrammar(what, { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 })
  }

  #counts(withLines: boolean): Repetition {
    const at = this.#at
    const blank = (): void => this.space(withLines)
    blank()
    const least = this.integer('after {')
    blank()
    let most: number | undefined = least
    if (this.take(',')) {
      blank()
      most = this.#match(DIGITS, true) === undefined ? undefined : this.integer('')
      blank()
    }
    this.expect('}', 'after the counts of a repetition')
    if (Math.max(least, most ?? 0) > GRAMMAR_REPEAT_MAX) this.fail(`a repetition goes to ${GRAMMAR_REPEAT_MAX} at most`, at)
    if (most !== undefined && most < least) this.fail(`a repetition of at least ${least} and at most ${most} is none`, at)
    return { least, most }
  }

  #escaped(): number {
    const at = this.#at - 1
    const letter = this.#text.charAt(this.#at++)
    const codes = ESCAPE_CODES[letter]
    if (!codes)
      return (ESCAPES[letter] ?? this.fail(String.raw`there is no such escape; known are \n \r \t \\ \" \[ \] \- \x \u \U`, at)).charCodeAt(
        0,
      )
    const code = Number.parseInt(this.#match(codes) ?? this.fail(String.raw`\x needs 2, \u 4 and \U 8 hexadecimal digits`, at), 16)
    return code <= CODE_POINT_MAX ? code : this.fail('there is no such character', at)
  }

  /** @param stays whether what matches is only looked at. */
  #match(pattern: RegExp, stays = false): string | undefined {
    pattern.lastIndex = this.#at
    const [found] = pattern.exec(this.#text) ?? []
    if (found !== undefined && !stays) this.#at += found.length
    return found
  }
}
