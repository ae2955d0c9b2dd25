import { type FileHandle, open } from 'node:fs/promises'
import { SomaError, throwIfAborted } from '@soma/core'
import { ONNX_FIELDS_MAX, ONNX_TEXT_BYTES_MAX, ONNX_WINDOW_BYTES } from './limits.ts'

/** How the value of a field is written. Groups (3 and 4) were dropped before ONNX began, so meeting one means garbage. */
const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

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

/**
 * Reads protobuf from a file without loading it: fields come one by one, and the bytes of those that nobody reads are
 * skipped by seeking. Every length is checked against what encloses it before it is believed.
 */
export class ProtobufReader implements AsyncDisposable {
  readonly sizeBytes: number
  readonly #file: FileHandle
  readonly #name: string
  readonly #signal: AbortSignal | undefined
  readonly #window = new Uint8Array(ONNX_WINDOW_BYTES)
  #windowAt = 0
  #windowBytes = 0
  #position = 0
  #fields = 0
  #textBytes = 0

  /** @param name what messages call the file. */
  static async open(path: string, options: { readonly name: string; readonly signal?: AbortSignal | undefined }): Promise<ProtobufReader> {
    const file = await open(path, 'r')
    const { size } = await file.stat()
    return new ProtobufReader(file, size, options)
  }

  private constructor(file: FileHandle, sizeBytes: number, options: { readonly name: string; readonly signal?: AbortSignal | undefined }) {
    this.#file = file
    this.sizeBytes = sizeBytes
    this.#name = options.name
    this.#signal = options.signal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }

  /** Visits the fields up to `end` in order. What a visit does not read is skipped. */
  async fields(end: number, visit: (field: Field) => Promise<void> | void): Promise<void> {
    while (this.#position < end) {
      const field = await this.#field(end)
      const pending = visit(field)
      if (pending) await pending
      this.#position = field.end
    }
  }

  /** Visits the fields of the message that is the value of `field`. */
  async message(field: Field, visit: (field: Field) => Promise<void> | void): Promise<void> {
    this.#needBytes(field, 'a message')
    await this.fields(field.end, visit)
  }

  /** The text that is the value of `field`. */
  async text(field: Field): Promise<string> {
    this.#needBytes(field, 'a text')
    const sizeBytes = field.end - this.#position
    this.#textBytes += sizeBytes
    if (this.#textBytes > ONNX_TEXT_BYTES_MAX) throw this.corrupt(`names of more than ${ONNX_TEXT_BYTES_MAX} bytes`, field.offset)
    const bytes = new Uint8Array(sizeBytes)
    for (let filled = 0; filled < sizeBytes;) {
      await this.#fill()
      const from = this.#position - this.#windowAt
      const part = this.#window.subarray(from, Math.min(this.#windowBytes, from + sizeBytes - filled))
      bytes.set(part, filled)
      filled += part.byteLength
      this.#position += part.byteLength
    }
    return new TextDecoder().decode(bytes)
  }

  /** The error for something wrong at `offset`. */
  corrupt(reason: string, offset: number): SomaError {
    return new SomaError('package/invalid-model', `${this.#name} is not a sound ONNX file: ${reason} at byte ${offset}`, {
      details: { file: this.#name, offset, sizeBytes: this.sizeBytes, reason },
    })
  }

  #needBytes(field: Field, what: string): void {
    if (field.wireType !== BYTES) throw this.corrupt(`field ${field.number} is not ${what}`, field.offset)
  }

  async #field(end: number): Promise<Field> {
    if (++this.#fields > ONNX_FIELDS_MAX) throw this.corrupt(`more than ${ONNX_FIELDS_MAX} fields`, this.#position)
    const offset = this.#position
    const tag = await this.#varint(end)
    const number = Math.floor(tag / 8)
    const wireType = tag % 8
    if (tag < 8 || tag > 0xffff_ffff) throw this.corrupt('a field number out of range', offset)
    const value = wireType === VARINT ? await this.#varint(end) : 0
    const sizeBytes = await this.#valueBytes(wireType, end, offset)
    if (sizeBytes > end - this.#position) throw this.#beyond(sizeBytes, end, offset)
    return { number, wireType, value, offset, end: this.#position + sizeBytes }
  }

  /** Bytes of the value that are still ahead. */
  async #valueBytes(wireType: number, end: number, offset: number): Promise<number> {
    if (wireType === VARINT) return 0
    if (wireType === FIXED64) return 8
    if (wireType === FIXED32) return 4
    if (wireType !== BYTES) throw this.corrupt(`wire type ${wireType}`, offset)
    const sizeBytes = await this.#varint(end)
    if (sizeBytes < 0) throw this.corrupt('a negative length', offset)
    return sizeBytes
  }

  #beyond(sizeBytes: number, end: number, offset: number): SomaError {
    if (end < this.sizeBytes) return this.corrupt(`a field of ${sizeBytes} bytes leaves what encloses it`, offset)
    return this.corrupt(`it is cut short: a field of ${sizeBytes} bytes goes on after its end (${this.sizeBytes} bytes)`, offset)
  }

  async #varint(end: number): Promise<number> {
    const begin = this.#position
    if (this.#position - this.#windowAt + 10 > this.#windowBytes || this.#position < this.#windowAt) await this.#fill()
    let low = 0
    for (let index = 0; index < 10; index++) {
      if (this.#position >= end) throw this.corrupt(end < this.sizeBytes ? 'a number leaves what encloses it' : 'it is cut short', begin)
      const byte = this.#window[this.#position++ - this.#windowAt] ?? 0
      // Below 2^49 plain arithmetic is exact; what is longer is rare (negative numbers take ten bytes) and read anew.
      if (index < 7) low += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return index < 7 ? low : this.#longVarint(begin)
    }
    throw this.corrupt('a number of more than ten bytes', begin)
  }

  #longVarint(begin: number): number {
    let value = 0n
    for (let position = begin; position < this.#position; position++)
      value |= BigInt((this.#window[position - this.#windowAt] ?? 0) & 0x7f) << BigInt(7 * (position - begin))
    return Number(BigInt.asIntN(64, value))
  }

  /** Brings the window to the position, unless it is there with at least ten bytes or all that is left. */
  async #fill(): Promise<void> {
    const ahead = this.#windowAt + this.#windowBytes - this.#position
    if (this.#position >= this.#windowAt && ahead >= Math.min(10, this.sizeBytes - this.#position)) return
    throwIfAborted(this.#signal)
    const { bytesRead } = await this.#file.read(this.#window, 0, this.#window.byteLength, this.#position)
    if (bytesRead === 0 && this.#position < this.sizeBytes) throw this.corrupt('it ends while being read', this.#position)
    this.#windowAt = this.#position
    this.#windowBytes = bytesRead
  }
}
