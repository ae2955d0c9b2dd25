import { JSON_DEPTH_MAX, type SomaError } from '@soma/core'
import { invalidModel, quote } from '../invalid-model.ts'
import { JSON_ITEMS_MAX } from './limits.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const ZERO = 0x30
const NINE = 0x39
/** 2^53 has so many. */
const DIGITS_MAX = 16

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const numberPattern = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

export interface JsonPlace {
  /** What messages call the file. */
  readonly name: string
  /** Offset of the text's first byte in it. */
  readonly offset: number
}

/**
 * Reads JSON of a known shape from its bytes, value by value. `JSON.parse` would hide keys that come twice, say nothing
 * of where an error is, and build whatever it is given: a hundred megabytes of `{},` take ten times that in memory.
 */
export class JsonScanner {
  readonly #bytes: Buffer
  readonly #place: JsonPlace
  #at = 0
  #items = 0

  constructor(bytes: Uint8Array, place: JsonPlace) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#place = place
  }

  /** Offset in the file of the next byte. */
  get offset(): number {
    return this.#place.offset + this.#at
  }

  /** An object: `visit` takes the value of each key. @throws {SomaError} `package/invalid-model` for a key that comes twice, too. */
  object(visit: (key: string, offset: number) => void): void {
    const seen = new Set<string>()
    this.#list([OPEN_OBJECT, CLOSE_OBJECT], 'an object', () => {
      this.#space()
      const { offset } = this
      const key = this.string()
      if (seen.has(key)) throw this.invalid('each key once', `a second ${quote(key)}`, offset)
      seen.add(key)
      this.#expect(COLON, 'a colon')
      visit(key, offset)
    })
  }

  /** An array: `visit` takes each value. */
  array(visit: () => void): void {
    this.#list([OPEN_ARRAY, CLOSE_ARRAY], 'an array', visit)
  }

  string(): string {
    this.#expect(QUOTE, 'a text in quotes')
    const begin = this.#at
    let isPlain = true
    let allBits = 0
    for (let byte = this.#bytes[this.#at]; byte !== QUOTE; byte = this.#bytes[++this.#at]) {
      if (byte === undefined || byte < 0x20) throw this.invalid('the end of a text', this.#found())
      allBits |= byte
      if (byte !== BACKSLASH) continue
      isPlain = false
      this.#at++
    }
    const end = this.#at++
    if (!isPlain) return this.#unescape(this.#decode(begin, end), begin)
    // Names are nearly always ASCII, and for that Latin-1 is right and four times as fast.
    return allBits < 0x80 ? this.#bytes.toString('latin1', begin, end) : this.#decode(begin, end)
  }

  /** An integer from 0 to 2^53, written as such. */
  count(): number {
    this.#space()
    const begin = this.#at
    let value = 0
    for (let byte = this.#bytes[begin] ?? 0; byte >= ZERO && byte <= NINE; byte = this.#bytes[++this.#at] ?? 0)
      value = value * 10 + (byte - ZERO)
    const digits = this.#at - begin
    const isCanonical = digits > 0 && digits <= DIGITS_MAX && (digits === 1 || this.#bytes[begin] !== ZERO)
    if (!isCanonical || !Number.isSafeInteger(value) || isNumberByte(this.#bytes[this.#at])) throw this.#noCount(begin)
    return value
  }

  /** Passes over any value. */
  skip(depth = 0): void {
    if (depth > JSON_DEPTH_MAX) throw this.invalid(`at most ${JSON_DEPTH_MAX} values inside each other`, 'more')
    const byte = this.#peek()
    if (byte === QUOTE) this.string()
    else if (byte === OPEN_OBJECT) this.object(() => this.skip(depth + 1))
    else if (byte === OPEN_ARRAY) this.array(() => this.skip(depth + 1))
    else if (!this.#word()) this.#number()
  }

  /** An integer as `count` takes it; null for any other value. */
  countOrNull(): number | null {
    const begin = this.#at
    this.skip()
    const text = this.#decode(begin, this.#at).trim()
    return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null
  }

  isObject(): boolean {
    return this.#peek() === OPEN_OBJECT
  }

  /** Only white space may follow. */
  end(): void {
    if (this.#peek() !== undefined) throw this.invalid('nothing behind the JSON', this.#found())
  }

  invalid(expected: string, found: string | number, offset = this.offset): SomaError {
    return invalidModel(this.#place.name, offset, expected, found)
  }

  #list([open, close]: readonly [number, number], what: string, visit: () => void): void {
    this.#expect(open, what)
    if (this.#peek() === close) {
      this.#at++
      return
    }
    do {
      if (++this.#items > JSON_ITEMS_MAX) throw this.invalid(`at most ${JSON_ITEMS_MAX} values`, 'more')
      visit()
    } while (this.#separator(close))
  }

  /** @returns whether another item follows. */
  #separator(close: number): boolean {
    const byte = this.#peek()
    if (byte !== COMMA && byte !== close) throw this.invalid(`a comma or ${String.fromCharCode(close)}`, this.#found())
    this.#at++
    return byte === COMMA
  }

  #word(): boolean {
    for (const word of ['true', 'false', 'null'])
      if (word.split('').every((letter, index) => this.#bytes[this.#at + index] === letter.charCodeAt(0))) {
        this.#at += word.length
        return true
      }
    return false
  }

  #number(): { readonly offset: number; readonly text: string } {
    this.#space()
    const { offset } = this
    const begin = this.#at
    while (isNumberByte(this.#bytes[this.#at])) this.#at++
    const text = this.#decode(begin, this.#at)
    if (!numberPattern.test(text)) throw this.invalid('a number', text === '' ? this.#found() : quote(text), offset)
    return { offset, text }
  }

  #noCount(begin: number): SomaError {
    this.#at = begin
    return this.invalid('an integer from 0 to 2^53', isNumberByte(this.#bytes[begin]) ? quote(this.#number().text) : this.#found())
  }

  #expect(wanted: number, what: string): void {
    if (this.#peek() !== wanted) throw this.invalid(what, this.#found())
    this.#at++
  }

  #peek(): number | undefined {
    this.#space()
    return this.#bytes[this.#at]
  }

  #space(): void {
    for (let byte = this.#bytes[this.#at]; byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;) byte = this.#bytes[++this.#at]
  }

  #found(): string {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) return 'the end of the JSON'
    return byte > 0x20 && byte < 0x7f ? quote(String.fromCharCode(byte)) : `byte 0x${byte.toString(16).padStart(2, '0')}`
  }

  #decode(begin: number, end: number): string {
    try {
      return decoder.decode(this.#bytes.subarray(begin, end))
    } catch {
      throw this.invalid('UTF-8 text', 'bytes that are not', this.#place.offset + begin)
    }
  }

  #unescape(text: string, begin: number): string {
    let value = ''
    try {
      value = JSON.parse(`"${text}"`) as string
    } catch {
      throw this.invalid('a text with JSON escapes', quote(text), this.#place.offset + begin)
    }
    if (!value.isWellFormed()) throw this.invalid('a text of Unicode characters', 'half of one', this.#place.offset + begin)
    return value
  }
}

function isNumberByte(byte: number | undefined): boolean {
  if (byte === undefined) return false
  // Digits, and the characters + - . E e.
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45 || byte === 0x65
}
