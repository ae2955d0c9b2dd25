import { invalidModel } from '../invalid-model.ts'
import type { ByteReader } from '../reader.ts'
import { FLAT_FIELDS_MAX } from './limits.ts'

/**
 * A table of a FlatBuffer: fields by number, found through a table of offsets. Every offset is held against the file before it is
 * followed; they only lead forward to what is read, but the tables they are looked up in may lie anywhere.
 * @see https://flatbuffers.dev/internals/
 */
export class FlatTable {
  readonly #reader: ByteReader
  readonly #at: number
  readonly #fields: DataView

  private constructor(reader: ByteReader, at: number, fields: DataView) {
    this.#reader = reader
    this.#at = at
    this.#fields = fields
  }

  /** The table that a file begins with. */
  static async root(reader: ByteReader): Promise<FlatTable> {
    return FlatTable.at(reader, await follow(reader, 0))
  }

  static async at(reader: ByteReader, at: number): Promise<FlatTable> {
    const vtableAt = at - (await view(reader, at, 4)).getInt32(0, true)
    const header = await view(reader, vtableAt, 4)
    const vtableBytes = header.getUint16(0, true)
    if (vtableBytes < 4 || vtableBytes % 2 !== 0) throw invalidModel(reader.name, vtableAt, 'a table of fields', vtableBytes)
    // Many tables may share one list of fields, which says of itself how long it is: read whole for each, a small file costs gigabytes.
    return new FlatTable(reader, at, await view(reader, vtableAt + 4, Math.min(vtableBytes - 4, 2 * FLAT_FIELDS_MAX)))
  }

  /** An unsigned number of 1 or 4 bytes; `absent` where the table does not have the field. */
  async number(field: number, bytes: 1 | 4, absent = 0): Promise<number> {
    const at = this.#fieldAt(field)
    if (at === null) return absent
    const value = await view(this.#reader, at, bytes)
    return bytes === 1 ? value.getInt8(0) : value.getUint32(0, true)
  }

  async table(field: number): Promise<FlatTable | null> {
    const at = this.#fieldAt(field)
    return at === null ? null : FlatTable.at(this.#reader, await follow(this.#reader, at))
  }

  /** Elements and place of a vector. @param elementBytes of each, which all have to lie in the file. */
  async vector(field: number, elementBytes: number, max: number): Promise<{ readonly at: number; readonly length: number }> {
    const at = this.#fieldAt(field)
    if (at === null) return { at: 0, length: 0 }
    const vectorAt = await follow(this.#reader, at)
    const length = (await view(this.#reader, vectorAt, 4)).getUint32(0, true)
    const room = Math.floor((this.#reader.sizeBytes - vectorAt - 4) / elementBytes)
    if (length > Math.min(max, room)) throw invalidModel(this.#reader.name, vectorAt, `at most ${Math.min(max, room)} elements`, length)
    return { at: vectorAt + 4, length }
  }

  async integers(field: number, max: number): Promise<number[]> {
    const { at, length } = await this.vector(field, 4, max)
    if (length === 0) return []
    const values = await view(this.#reader, at, 4 * length)
    return Array.from({ length }, (_, index) => values.getInt32(4 * index, true))
  }

  async tables(field: number, max: number): Promise<readonly LazyTable[]> {
    const { at, length } = await this.vector(field, 4, max)
    return Array.from({ length }, (_, index) => async () => FlatTable.at(this.#reader, await follow(this.#reader, at + 4 * index)))
  }

  async text(field: number, max: number): Promise<string> {
    const { at, length } = await this.vector(field, 1, max)
    return length === 0 ? '' : Buffer.from(await this.#reader.read(at, at + length)).toString()
  }

  #fieldAt(field: number): number | null {
    const offset = 2 * field + 2 <= this.#fields.byteLength ? this.#fields.getUint16(2 * field, true) : 0
    return offset === 0 ? null : this.#at + offset
  }
}

/** Opened when it is looked at. */
export type LazyTable = () => Promise<FlatTable>

async function follow(reader: ByteReader, at: number): Promise<number> {
  return at + (await view(reader, at, 4)).getUint32(0, true)
}

async function view(reader: ByteReader, at: number, sizeBytes: number): Promise<DataView> {
  const bytes = await reader.read(at, at + sizeBytes)
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
