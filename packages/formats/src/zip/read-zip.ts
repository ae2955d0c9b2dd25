import { checkPackagePath } from '@soma/spec'
import { Cursor } from '../cursor.ts'
import { invalidModel, quote } from '../invalid-model.ts'
import type { ByteReader } from '../reader.ts'
import { findDirectory } from './directory.ts'
import { ZIP_ENTRIES_MAX } from './limits.ts'

export interface ZipEntry {
  readonly name: string
  readonly method: 'stored' | 'deflated'
  readonly sizeBytes: number
  readonly storedBytes: number
  /** Of its bytes in the archive. */
  readonly offset: number
}

/** Bytes of a central directory entry, and of a local header, before the names. */
const CENTRAL_BYTES = 46
const LOCAL_BYTES = 30
const CENTRAL_MAGIC = 0x02014b50
const LOCAL_MAGIC = 0x04034b50
const MAX_32 = 0xffff_ffff
const ENCRYPTED = 1
const ZIP64_EXTRA = 1

interface CentralEntry extends Omit<ZipEntry, 'offset'> {
  readonly headerOffset: number
}

/** Whether a file begins as a zip archive does. */
export async function isZip(reader: ByteReader): Promise<boolean> {
  if (reader.sizeBytes < 4) return false
  const bytes = await reader.read(0, 4)
  return bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4
}

/**
 * Reads a zip archive's directory. Stricter than unpackers are, because models are read by several of them (miniz in PyTorch,
 * `zipfile` in Python) and none may see another archive than this one: no encryption, no two entries of a name, no names that leave the
 * archive, no entries over one another, local headers that say what the directory says, nothing before or behind.
 * @returns the files by name, in the order of the directory.
 * @throws {SomaError} `package/invalid-model`; `package/unsafe-path`.
 */
export async function readZip(reader: ByteReader): Promise<ReadonlyMap<string, ZipEntry>> {
  const directory = await findDirectory(reader)
  if (directory.entries > ZIP_ENTRIES_MAX)
    throw invalidModel(reader.name, directory.offset, `at most ${ZIP_ENTRIES_MAX} entries`, directory.entries)
  const cursor = new Cursor(reader, { offset: directory.offset, end: directory.end })
  const entries = new Map<string, ZipEntry>()
  const ranges: Range[] = []
  for (let index = 0; index < directory.entries; index++) {
    const central = await centralEntry(cursor)
    const { headerOffset, ...entry } = central
    const offset = await dataOffset(reader, central, directory.offset)
    ranges.push({ begin: headerOffset, end: offset + entry.storedBytes })
    if (entry.name.endsWith('/')) continue
    if (checkPackagePath(entry.name) !== entry.name || entries.has(entry.name))
      throw invalidModel(reader.name, headerOffset, 'each name once, and plain', quote(entry.name))
    entries.set(entry.name, { ...entry, offset })
  }
  if (cursor.remaining > 0) throw cursor.invalid('the end of the directory', `${cursor.remaining} more bytes`)
  checkRanges(reader, ranges)
  return entries
}

async function centralEntry(cursor: Cursor): Promise<CentralEntry> {
  await cursor.need(CENTRAL_BYTES)
  const at = cursor.offset
  if (cursor.u32() !== CENTRAL_MAGIC) throw cursor.invalid('a directory entry', 'something else', at)
  cursor.skip(4)
  const flags = cursor.u16()
  const method = methodOf(cursor, cursor.u16())
  if (flags & ENCRYPTED) throw cursor.invalid('an entry that is not encrypted', 'an encrypted one', at)
  cursor.skip(8)
  const stored = cursor.u32()
  const size = cursor.u32()
  const [nameBytes, extraBytes, commentBytes] = [cursor.u16(), cursor.u16(), cursor.u16()]
  cursor.skip(8)
  const header = cursor.u32()
  await cursor.need(nameBytes + extraBytes + commentBytes)
  const name = cursor.text(nameBytes)
  const [sizeBytes, storedBytes, headerOffset] = largeSizes(cursor, extraBytes, [size, stored, header])
  cursor.skip(commentBytes)
  if (method === 'stored' && sizeBytes !== storedBytes) throw cursor.invalid(`${storedBytes} bytes as stored`, sizeBytes, at)
  return { name, method, sizeBytes, storedBytes, headerOffset }
}

function methodOf(cursor: Cursor, method: number): ZipEntry['method'] {
  if (method === 0) return 'stored'
  if (method === 8) return 'deflated'
  throw cursor.invalid('an entry stored or deflated', `compression method ${method}`)
}

/** Zip64 keeps, in this order, those of the three that do not fit into 32 bits. */
function largeSizes(cursor: Cursor, extraBytes: number, small: [number, number, number]): [number, number, number] {
  const end = cursor.offset + extraBytes
  const sizes = small
  while (end - cursor.offset >= 4) {
    const id = cursor.u16()
    const fieldEnd = cursor.u16() + cursor.offset
    if (fieldEnd > end) throw cursor.invalid('an extra field inside its entry', 'a longer one')
    if (id === ZIP64_EXTRA)
      for (const [index, size] of sizes.entries())
        if (size === MAX_32 && fieldEnd - cursor.offset >= 8) sizes[index] = cursor.u64Number(Number.MAX_SAFE_INTEGER, 'a size')
    cursor.skip(fieldEnd - cursor.offset)
  }
  cursor.skip(end - cursor.offset)
  return sizes
}

/** Where an entry's bytes begin: behind its local header, which has to say the same as the directory. */
async function dataOffset(reader: ByteReader, entry: CentralEntry, directoryOffset: number): Promise<number> {
  const cursor = new Cursor(reader, { offset: entry.headerOffset, end: directoryOffset })
  if (!(entry.headerOffset < directoryOffset))
    throw invalidModel(reader.name, entry.headerOffset, 'an entry before the directory', quote(entry.name))
  const header = await reader.read(entry.headerOffset, Math.min(directoryOffset, entry.headerOffset + LOCAL_BYTES))
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  if (header.byteLength < LOCAL_BYTES || view.getUint32(0, true) !== LOCAL_MAGIC) throw cursor.invalid('a local header', 'something else')
  const method = methodOf(cursor, view.getUint16(8, true))
  cursor.skip(LOCAL_BYTES)
  const nameBytes = view.getUint16(26, true)
  const nameAt = cursor.offset
  cursor.skip(nameBytes)
  const name = Buffer.from(await reader.read(nameAt, cursor.offset)).toString()
  if (name !== entry.name || method !== entry.method || view.getUint16(6, true) & ENCRYPTED)
    throw cursor.invalid(`the local header of ${quote(entry.name)}`, `one of ${quote(name)}`, entry.headerOffset)
  cursor.skip(view.getUint16(28, true))
  if (entry.storedBytes > cursor.remaining) throw cursor.invalid(`${entry.storedBytes} bytes before the directory`, cursor.remaining)
  return cursor.offset
}

interface Range {
  readonly begin: number
  readonly end: number
}

function checkRanges(reader: ByteReader, ranges: Range[]): void {
  ranges.sort((a, b) => a.begin - b.begin)
  for (const [index, { begin }] of ranges.entries()) {
    const before = ranges[index - 1]
    if (before && before.end > begin) throw invalidModel(reader.name, begin, 'entries beside one another', 'two that overlap')
  }
}
