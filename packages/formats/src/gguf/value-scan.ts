import type { Cursor } from '../cursor.ts'
import {
  GGUF_DEPTH_MAX,
  GGUF_NESTED_ARRAYS_MAX,
  GGUF_TEXTS_MAX,
  GGUF_NUMBERS_KEPT_MAX,
  GGUF_TEXTS_KEPT_MAX,
  GGUF_TEXT_BYTES_MAX,
  GGUF_TEXT_KEPT_BYTES_MAX,
  GGUF_VALUES_KEPT_MAX,
} from './limits.ts'

/** A metadata value; integers beyond 2^53 are bigints. */
export type GgufValue = string | number | bigint | boolean | GgufArray

/** An array as far as it is kept. A text too long to be kept stands here as an array of `utf8` bytes, without values. */
export interface GgufArray {
  readonly arrayOf: string
  /** How many there are in the file. */
  readonly length: number
  /** The first ones: all of a list by layer, a few of a vocabulary. */
  readonly values: readonly GgufValue[]
}

interface Scalar {
  readonly name: string
  readonly bytes: number
  readonly read: (cursor: Cursor) => number | bigint | boolean
}

const STRING = 8
const ARRAY = 9

const scalars: ReadonlyMap<number, Scalar> = new Map([
  [0, { name: 'uint8', bytes: 1, read: (cursor) => cursor.u8() }],
  [1, { name: 'int8', bytes: 1, read: (cursor) => cursor.i8() }],
  [2, { name: 'uint16', bytes: 2, read: (cursor) => cursor.u16() }],
  [3, { name: 'int16', bytes: 2, read: (cursor) => cursor.i16() }],
  [4, { name: 'uint32', bytes: 4, read: (cursor) => cursor.u32() }],
  [5, { name: 'int32', bytes: 4, read: (cursor) => cursor.i32() }],
  [6, { name: 'float32', bytes: 4, read: (cursor) => cursor.f32() }],
  [7, { name: 'bool', bytes: 1, read: readBoolean }],
  [10, { name: 'uint64', bytes: 8, read: (cursor) => shortest(cursor.u64()) }],
  [11, { name: 'int64', bytes: 8, read: (cursor) => shortest(cursor.i64()) }],
  [12, { name: 'float64', bytes: 8, read: (cursor) => cursor.f64() }],
])

/** Reads lengths, texts and metadata values of one file, whose version says how wide a length is. */
export class GgufValueScan {
  readonly #cursor: Cursor
  /** Bytes of a count or length: four in version 1. */
  readonly lengthBytes: number
  #texts = 0
  #nestedArrays = 0
  #kept = 0
  #textBytes = 0

  constructor(cursor: Cursor, version: number) {
    this.#cursor = cursor
    this.lengthBytes = version === 1 ? 4 : 8
  }

  /** A count or length, whose bytes are there already. */
  length(max: number, what: string): number {
    const value = this.lengthBytes === 8 ? this.#cursor.u64Number(max, what) : this.#cursor.u32()
    if (value > max) throw this.#cursor.invalid(`${what} of at most ${max}`, value, this.#cursor.offset - this.lengthBytes)
    return value
  }

  /** A count of things of which each takes at least `itemBytes`: not more than the file has room for. */
  count(max: number, itemBytes: number, what: string): number {
    const at = this.#cursor.offset
    const value = this.length(Number.MAX_SAFE_INTEGER, what)
    const room = Math.floor(this.#cursor.remaining / itemBytes)
    if (value > max || value > room) throw this.#cursor.invalid(`${what} of at most ${Math.min(max, room)}`, value, at)
    return value
  }

  /** A key or name: short, and UTF-8. */
  async name(bytesMax: number, what: string): Promise<string> {
    await this.#cursor.need(this.lengthBytes)
    const sizeBytes = this.length(bytesMax, `a length of ${what}`)
    await this.#cursor.need(sizeBytes)
    return this.#cursor.text(sizeBytes)
  }

  /** The value of a metadata entry, with the number of its type before it. */
  async value(): Promise<GgufValue> {
    await this.#cursor.need(4)
    const type = this.#cursor.u32()
    const scalar = scalars.get(type)
    if (scalar) {
      await this.#cursor.need(scalar.bytes)
      return scalar.read(this.#cursor)
    }
    if (type === STRING) return this.#text(true)
    if (type === ARRAY) return this.#array(1)
    throw this.#cursor.invalid('a value type', type, this.#cursor.offset - 4)
  }

  async #text(keep: boolean): Promise<GgufValue> {
    const cursor = this.#cursor
    const reading = cursor.need(this.lengthBytes)
    if (reading) await reading
    const sizeBytes = this.length(cursor.remaining, 'a text length')
    if (!keep || sizeBytes > GGUF_TEXT_KEPT_BYTES_MAX) {
      cursor.skip(sizeBytes)
      return { arrayOf: 'utf8', length: sizeBytes, values: [] }
    }
    this.#textBytes += sizeBytes
    if (this.#textBytes > GGUF_TEXT_BYTES_MAX) throw cursor.invalid(`at most ${GGUF_TEXT_BYTES_MAX} bytes of text`, 'more')
    await cursor.need(sizeBytes)
    return cursor.text(sizeBytes, { lenient: true })
  }

  async #array(depth: number): Promise<GgufArray> {
    const cursor = this.#cursor
    await cursor.need(4 + this.lengthBytes)
    const type = cursor.u32()
    const scalar = scalars.get(type)
    if (scalar) return this.#numbers(scalar)
    if (type === STRING) return this.#textArray()
    if (type !== ARRAY) throw cursor.invalid('a type of array values', type, cursor.offset - 4)
    if (depth >= GGUF_DEPTH_MAX) throw cursor.invalid(`at most ${GGUF_DEPTH_MAX} arrays inside each other`, 'more')
    return this.#arrays(depth)
  }

  async #numbers({ name, bytes, read }: Scalar): Promise<GgufArray> {
    const length = this.count(Number.MAX_SAFE_INTEGER, bytes, 'an array length')
    const kept = this.#keep(Math.min(length, GGUF_NUMBERS_KEPT_MAX))
    await this.#cursor.need(kept * bytes)
    const values = Array.from({ length: kept }, () => read(this.#cursor))
    this.#cursor.skip((length - kept) * bytes)
    return { arrayOf: name, length, values }
  }

  async #textArray(): Promise<GgufArray> {
    const length = this.count(GGUF_TEXTS_MAX - this.#texts, this.lengthBytes, 'an array length')
    this.#texts += length
    const kept = this.#keep(Math.min(length, GGUF_TEXTS_KEPT_MAX))
    const values: GgufValue[] = []
    for (let index = 0; index < kept; index++) values.push(await this.#text(true))
    await this.#skipTexts(length - kept)
    return { arrayOf: 'string', length, values }
  }

  /** The bulk of a header: vocabularies. Waits only where the window ends. */
  async #skipTexts(count: number): Promise<void> {
    const cursor = this.#cursor
    for (let index = 0; index < count; index++) {
      const reading = cursor.need(this.lengthBytes)
      if (reading) await reading
      cursor.skip(this.length(cursor.remaining, 'a text length'))
    }
  }

  async #arrays(depth: number): Promise<GgufArray> {
    const length = this.count(GGUF_NESTED_ARRAYS_MAX - this.#nestedArrays, 4 + this.lengthBytes, 'an array length')
    this.#nestedArrays += length
    const kept = this.#keep(Math.min(length, GGUF_TEXTS_KEPT_MAX))
    const values: GgufValue[] = []
    for (let index = 0; index < length; index++) {
      const value = await this.#array(depth + 1)
      if (index < kept) values.push(value)
    }
    return { arrayOf: 'array', length, values }
  }

  /** @returns how many of `count` values may still be kept. */
  #keep(count: number): number {
    const kept = Math.min(count, GGUF_VALUES_KEPT_MAX - this.#kept)
    this.#kept += kept
    return kept
  }
}

function readBoolean(cursor: Cursor): boolean {
  const byte = cursor.u8()
  if (byte > 1) throw cursor.invalid('a boolean, 0 or 1', byte, cursor.offset - 1)
  return byte === 1
}

function shortest(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
