import type { SomaError } from '@soma/core'
import { Cursor } from '../cursor.ts'
import type { ByteReader } from '../reader.ts'
import { PROTOBUF_FIELDS_MAX, PROTOBUF_TEXT_BYTES_MAX } from './limits.ts'

/** How the value of a field is written. Groups (3 and 4) are older than every format that is read here: meeting one means garbage. */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** A varint is at most ten bytes long. */
const VARINT_BYTES_MAX = 10

export interface Field {
  readonly number: number
  readonly wireType: number
  /** Of a varint, as a signed 64-bit integer (rounded beyond 2^53); 0 otherwise. */
  readonly value: number
  /** Offset of the field's tag, for messages. */
  readonly offset: number
  /** Offset behind the field's value. */
  readonly end: number
}

type Visit = (field: Field) => Promise<void> | void

/**
 * Reads protobuf from a file without loading it: fields come one by one, and the bytes of those that nobody reads are
 * skipped by seeking. Every length is checked against what encloses it before it is believed.
 */
export class ProtobufReader {
  readonly sizeBytes: number
  readonly #cursor: Cursor
  #fields = 0
  #textBytes = 0

  constructor(reader: ByteReader) {
    this.sizeBytes = reader.sizeBytes
    this.#cursor = new Cursor(reader)
  }

  /** Visits the fields up to `end` in order. What a visit does not read is skipped. */
  async fields(end: number, visit: Visit): Promise<void> {
    while (this.#cursor.offset < end) {
      // Tag and value, or tag and length; with them there, a field is read without waiting.
      const reading = this.#cursor.need(Math.min(2 * VARINT_BYTES_MAX, end - this.#cursor.offset))
      if (reading) await reading
      const field = this.#field(end)
      const visiting = visit(field)
      if (visiting) await visiting
      this.#cursor.skip(field.end - this.#cursor.offset)
    }
  }

  /** Visits the fields of the message that is the value of `field`. */
  async message(field: Field, visit: Visit): Promise<void> {
    this.#needBytes(field, 'a message')
    await this.fields(field.end, visit)
  }

  /** The text that is the value of `field`; what is no UTF-8 in it is replaced. */
  async text(field: Field): Promise<string> {
    this.#needBytes(field, 'a text')
    const sizeBytes = field.end - this.#cursor.offset
    this.#textBytes += sizeBytes
    if (this.#textBytes > PROTOBUF_TEXT_BYTES_MAX)
      throw this.invalid(`at most ${PROTOBUF_TEXT_BYTES_MAX} bytes of text`, 'more', field.offset)
    await this.#cursor.need(sizeBytes)
    return this.#cursor.text(sizeBytes, { lenient: true })
  }

  /** Bytes of the value of `field`, which is about to be visited. */
  sizeOf(field: Field): number {
    this.#needBytes(field, 'bytes')
    return field.end - this.#cursor.offset
  }

  /** The integers of one field of a repeated one, packed or not. @param max how many there may be. */
  async integers(field: Field, max: number): Promise<number[]> {
    if (field.wireType === VARINT) return [field.value]
    this.#needBytes(field, 'integers')
    const values: number[] = []
    while (this.#cursor.offset < field.end) {
      await this.#cursor.need(Math.min(VARINT_BYTES_MAX, field.end - this.#cursor.offset))
      if (values.push(this.#varint(field.end)) > max) throw this.invalid(`at most ${max} integers`, 'more', field.offset)
    }
    return values
  }

  /** The error for what was found at `offset`. */
  invalid(expected: string, found: string | number, offset: number): SomaError {
    return this.#cursor.invalid(expected, found, offset)
  }

  #needBytes(field: Field, what: string): void {
    if (field.wireType !== BYTES) throw this.invalid(`${what} as field ${field.number}`, `wire type ${field.wireType}`, field.offset)
  }

  #field(end: number): Field {
    const { offset } = this.#cursor
    if (++this.#fields > PROTOBUF_FIELDS_MAX) throw this.invalid(`at most ${PROTOBUF_FIELDS_MAX} fields`, 'more', offset)
    const tag = this.#varint(end)
    const wireType = tag & 7
    if (tag < 8 || tag > 0xffff_ffff) throw this.invalid('a field number', tag, offset)
    const value = wireType === VARINT ? this.#varint(end) : 0
    const sizeBytes = this.#valueBytes(wireType, end, offset)
    const room = end - this.#cursor.offset
    if (sizeBytes > room) throw this.invalid(`a field of at most ${room} bytes, which its message has left`, sizeBytes, offset)
    return { number: Math.floor(tag / 8), wireType, value, offset, end: this.#cursor.offset + sizeBytes }
  }

  /** Bytes of the value that are still ahead. */
  #valueBytes(wireType: number, end: number, offset: number): number {
    if (wireType === VARINT) return 0
    if (wireType === FIXED64) return 8
    if (wireType === FIXED32) return 4
    if (wireType !== BYTES) throw this.invalid('a wire type of 0, 1, 2 or 5', wireType, offset)
    const sizeBytes = this.#varint(end)
    if (sizeBytes < 0) throw this.invalid('a length', sizeBytes, offset)
    return sizeBytes
  }

  #varint(end: number): number {
    const cursor = this.#cursor
    const begin = cursor.offset
    let low = 0
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      if (cursor.offset >= end) throw this.invalid('the rest of a number', 'the end of what encloses it', begin)
      const byte = cursor.u8()
      // Below 2^49 plain arithmetic is exact; what is longer is rare: negative numbers take ten bytes.
      if (index < 7) low += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return index < 7 ? low : this.#longVarint(begin)
    }
    throw this.invalid('a number of at most ten bytes', 'more', begin)
  }

  #longVarint(begin: number): number {
    const count = this.#cursor.offset - begin
    this.#cursor.back(count)
    let value = 0n
    for (let index = 0; index < count; index++) value |= BigInt(this.#cursor.u8() & 0x7f) << BigInt(7 * index)
    return Number(BigInt.asIntN(64, value))
  }
}
