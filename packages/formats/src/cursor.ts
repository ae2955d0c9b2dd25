import { type SomaError, assert } from '@soma/core'
import { invalidModel } from './invalid-model.ts'
import { CURSOR_NEED_BYTES_MAX, WINDOW_BYTES } from './limits.ts'
import type { ByteReader } from './reader.ts'

const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenientDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

export interface CursorOptions {
  /** Where it begins; the file's begin if not given. */
  readonly offset?: number
  /** Where it must stop; the file's end if not given. */
  readonly end?: number
  readonly littleEndian?: boolean
}

/**
 * Goes through a file from front to back. `need` is the only thing that waits: it makes the next bytes be there, and the
 * reads that follow are plain function calls. Every read is checked against the end before anything is allocated.
 * @example
 * await cursor.need(8)
 * const magic = cursor.u32(), version = cursor.u32()
 */
export class Cursor {
  readonly name: string
  readonly end: number
  littleEndian: boolean
  readonly #reader: ByteReader
  #bytes: Uint8Array = new Uint8Array(0)
  #view = new DataView(this.#bytes.buffer)
  #windowAt = 0
  #offset: number

  constructor(reader: ByteReader, options: CursorOptions = {}) {
    this.#reader = reader
    this.name = reader.name
    this.#offset = options.offset ?? 0
    this.end = options.end ?? reader.sizeBytes
    this.littleEndian = options.littleEndian ?? true
  }

  /** Position in the file. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes up to the end. */
  get remaining(): number {
    return this.end - this.#offset
  }

  /**
   * Makes the next `count` bytes readable; gives nothing to wait for when they already are.
   * @throws {SomaError} `package/invalid-model` when there are not that many.
   */
  need(count: number): Promise<void> | undefined {
    const from = this.#offset - this.#windowAt
    if (from >= 0 && from + count <= this.#bytes.byteLength) return undefined
    if (!(count <= this.remaining)) throw this.invalid(`${count} more bytes`, `only ${this.remaining} up to byte ${this.end}`)
    assert(count <= CURSOR_NEED_BYTES_MAX, 'a format limits what it needs in one piece')
    return this.#fill(Math.min(this.end, this.#offset + Math.max(count, WINDOW_BYTES)))
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  i8(): number {
    return this.#view.getInt8(this.#take(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), this.littleEndian)
  }

  i16(): number {
    return this.#view.getInt16(this.#take(2), this.littleEndian)
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), this.littleEndian)
  }

  i32(): number {
    return this.#view.getInt32(this.#take(4), this.littleEndian)
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.littleEndian)
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), this.littleEndian)
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), this.littleEndian)
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), this.littleEndian)
  }

  /**
   * A 64-bit count, size or offset as a number; beyond `max` it is refused.
   * @param what a noun for the message: `a tensor count`.
   */
  u64Number(max: number, what: string): number {
    const from = this.#take(8)
    const [low, high] = this.littleEndian ? [from, from + 4] : [from + 4, from]
    const value = this.#view.getUint32(high, this.littleEndian) * 2 ** 32 + this.#view.getUint32(low, this.littleEndian)
    // Exact up to 2^53, and above it still above `max`.
    if (value > max) throw this.invalid(`${what} of at most ${max}`, value, this.#offset - 8)
    return value
  }

  /** The next `count` bytes, as a view. */
  bytes(count: number): Uint8Array {
    const from = this.#take(count)
    return this.#bytes.subarray(from, from + count)
  }

  /** The next `count` bytes as UTF-8. @throws {SomaError} `package/invalid-model` when they are not, unless `lenient`. */
  text(count: number, { lenient = false }: { readonly lenient?: boolean } = {}): string {
    const at = this.#offset
    const bytes = this.bytes(count)
    try {
      return (lenient ? lenientDecoder : strictDecoder).decode(bytes)
    } catch {
      throw this.invalid('UTF-8 text', `${count} bytes that are not`, at)
    }
  }

  /** Passes over bytes without reading them. @throws {SomaError} `package/invalid-model` when there are not that many. */
  skip(count: number): void {
    if (!(count >= 0 && count <= this.remaining)) throw this.invalid(`${count} more bytes`, `only ${this.remaining} up to byte ${this.end}`)
    this.#offset += count
  }

  /** Goes back over bytes that were just read. */
  back(count: number): void {
    assert(count <= this.#offset - this.#windowAt, 'a cursor goes back inside its window only')
    this.#offset -= count
  }

  /** The error for what was found at `offset`, by default here. */
  invalid(expected: string, found: string | number | bigint, offset = this.#offset): SomaError {
    return invalidModel(this.name, offset, expected, found)
  }

  /** @returns where in the window the next `count` bytes begin. */
  #take(count: number): number {
    const from = this.#offset - this.#windowAt
    assert(from >= 0 && from + count <= this.#bytes.byteLength, `cursor.need(${count}) comes before the read`)
    this.#offset += count
    return from
  }

  async #fill(end: number): Promise<void> {
    this.#bytes = await this.#reader.read(this.#offset, end)
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength)
    this.#windowAt = this.#offset
  }
}
