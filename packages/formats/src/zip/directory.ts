import { Cursor } from '../cursor.ts'
import { invalidModel } from '../invalid-model.ts'
import type { ByteReader } from '../reader.ts'
import { ZIP_DIRECTORY_BYTES_MAX } from './limits.ts'

export interface ZipDirectory {
  readonly offset: number
  readonly end: number
  readonly entries: number
}

const END_MAGIC = 0x06054b50
const END_BYTES = 22
const COMMENT_BYTES_MAX = 0xffff
const LOCATOR_MAGIC = 0x07064b50
const LOCATOR_BYTES = 20
const END64_MAGIC = 0x06064b50
const END64_BYTES = 56

/** Finds the directory by the record at the file's end. @throws {SomaError} `package/invalid-model`. */
export async function findDirectory(reader: ByteReader): Promise<ZipDirectory> {
  const endAt = await findEnd(reader)
  const end = await cursorAt(reader, endAt, END_BYTES)
  end.skip(4)
  const [disk, directoryDisk, diskEntries, entries] = [end.u16(), end.u16(), end.u16(), end.u16()]
  const [sizeBytes, offset] = [end.u32(), end.u32()]
  const large = await findLarge(reader, endAt)
  if (!large && (disk !== 0 || directoryDisk !== 0 || diskEntries !== entries))
    throw end.invalid('an archive in one part', 'several', endAt)
  const directory = large ?? { offset, entries, end: endAt }
  if (large ? large.end !== large.offset + large.sizeBytes : endAt !== offset + sizeBytes)
    throw invalidModel(reader.name, endAt, 'a directory right before the end', 'one elsewhere')
  if (directory.end - directory.offset > ZIP_DIRECTORY_BYTES_MAX || directory.offset < 0)
    throw invalidModel(reader.name, endAt, `a directory of at most ${ZIP_DIRECTORY_BYTES_MAX} bytes`, directory.end - directory.offset)
  return directory
}

async function findEnd(reader: ByteReader): Promise<number> {
  const from = Math.max(0, reader.sizeBytes - END_BYTES - COMMENT_BYTES_MAX)
  const tail = await reader.read(from, reader.sizeBytes)
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--)
    if (view.getUint32(at, true) === END_MAGIC && at + END_BYTES + view.getUint16(at + 20, true) === tail.byteLength) return from + at
  throw invalidModel(reader.name, reader.sizeBytes, 'the end of a zip archive', 'none')
}

async function findLarge(reader: ByteReader, endAt: number): Promise<(ZipDirectory & { readonly sizeBytes: number }) | undefined> {
  if (endAt < LOCATOR_BYTES + END64_BYTES) return undefined
  const locator = await cursorAt(reader, endAt - LOCATOR_BYTES, LOCATOR_BYTES)
  if (locator.u32() !== LOCATOR_MAGIC) return undefined
  locator.skip(4)
  const at = locator.u64Number(endAt - LOCATOR_BYTES - END64_BYTES, 'an offset before it')
  const record = await cursorAt(reader, at, END64_BYTES)
  if (record.u32() !== END64_MAGIC) throw record.invalid('the end record of a zip64 archive', 'something else', at)
  record.skip(28)
  const entries = record.u64Number(Number.MAX_SAFE_INTEGER, 'a count of entries')
  const sizeBytes = record.u64Number(Number.MAX_SAFE_INTEGER, 'a size')
  const offset = record.u64Number(Number.MAX_SAFE_INTEGER, 'an offset')
  return { offset, entries, end: at, sizeBytes }
}

async function cursorAt(reader: ByteReader, offset: number, bytes: number): Promise<Cursor> {
  const cursor = new Cursor(reader, { offset })
  await cursor.need(bytes)
  return cursor
}
