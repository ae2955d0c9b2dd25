import { Cursor } from '../cursor.ts'
import { scanMaybePickle } from '../pickle/permissive.ts'
import { type PickleScanOptions, scanPickle } from '../pickle/scan.ts'
import type { PickleFinding } from '../pickle/machine.ts'
import type { ByteReader } from '../reader.ts'

/** numpy itself refuses longer headers. */
const HEADER_BYTES_MAX = 64 * 1024
const MAGIC = '\x93NUMPY'
/** `'descr': '<f8'`: order, kind other than object, size. */
const PLAIN_DESCR = /'descr': '[<>|=]?[?bBiufcmMSUV](\d{1,9})(\[\w{1,16}\])?'/
const OBJECT_DESCR = /'descr': '[<>|=]?O\d?'/
const SHAPE = /'shape': \((?:(\d{1,16}), ?|(\d{1,16}(?:, \d{1,16})+)|)\)/

/** Whether a file begins as an array saved by numpy does. */
export async function isNpy(reader: ByteReader): Promise<boolean> {
  return reader.sizeBytes >= MAGIC.length && Buffer.from(await reader.read(0, MAGIC.length)).toString('latin1') === MAGIC
}

/**
 * Checks an array saved by numpy. Arrays of objects are pickles.
 * @throws {SomaError} `package/unsafe-pickle`, `package/invalid-model`.
 */
export async function checkNpy(reader: ByteReader, options: PickleScanOptions = {}): Promise<readonly PickleFinding[]> {
  const cursor = new Cursor(reader)
  await cursor.need(12)
  cursor.skip(MAGIC.length)
  const [major] = [cursor.u8(), cursor.u8()]
  const headerBytes = major === 1 ? cursor.u16() : cursor.u32()
  if (major > 3 || headerBytes > HEADER_BYTES_MAX) throw cursor.invalid('a numpy header', `version ${major} of ${headerBytes} bytes`)
  await cursor.need(headerBytes)
  const header = Buffer.from(cursor.bytes(headerBytes)).toString('latin1')
  const begin = cursor.offset
  if (OBJECT_DESCR.test(header)) return (await scanPickle(reader, { ...options, begin })).findings
  const sizeBytes = plainBytes(header)
  if (sizeBytes === null) return (await scanMaybePickle(reader, { ...options, begin })).findings
  if (sizeBytes > cursor.remaining) throw cursor.invalid(`${sizeBytes} bytes of the array`, cursor.remaining)
  return []
}

/** Bytes of an array whose header is one of the usual ones; null for records and all that is not understood. */
function plainBytes(header: string): number | null {
  const plain = PLAIN_DESCR.exec(header)
  const shape = SHAPE.exec(header)
  // A second descr would count instead of the first.
  if (!plain || !shape || header.split('descr').length > 2) return null
  const sizes = (shape[2] ?? shape[1] ?? '').split(',').filter((text) => text !== '')
  const unit = /'[<>|=]?U/.test(plain[0]) ? 4 : 1
  return sizes.reduce((bytes, size) => bytes * Number(size), Number(plain[1]) * unit)
}
