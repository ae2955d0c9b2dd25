import { promisify } from 'node:util'
import { inflateRaw } from 'node:zlib'
import { invalidModel } from '../invalid-model.ts'
import { type ByteReader, bytesReader } from '../reader.ts'
import { ZIP_INFLATE_BYTES_MAX } from './limits.ts'
import type { ZipEntry } from './read-zip.ts'

const inflate = promisify(inflateRaw) as (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Uint8Array>

/**
 * The bytes of one entry: in place when it is stored, in memory when it is compressed.
 * @throws {SomaError} `package/invalid-model` when it is too large for that, or is not as large as the archive says.
 */
export async function openZipEntry(reader: ByteReader, entry: ZipEntry): Promise<ByteReader> {
  const name = `${reader.name}:${entry.name}`
  if (entry.method === 'stored') return slice(reader, name, entry)
  if (entry.sizeBytes > ZIP_INFLATE_BYTES_MAX || entry.storedBytes > ZIP_INFLATE_BYTES_MAX)
    throw invalidModel(name, 0, `at most ${ZIP_INFLATE_BYTES_MAX} bytes when it is compressed`, entry.sizeBytes)
  const packed = await reader.read(entry.offset, entry.offset + entry.storedBytes)
  try {
    const bytes = await inflate(packed, { maxOutputLength: Math.max(entry.sizeBytes, 1) })
    if (bytes.byteLength === entry.sizeBytes) return bytesReader(name, bytes)
  } catch {
    // Longer than promised, or no deflated bytes: the same to whoever reads them.
  }
  throw invalidModel(name, 0, `${entry.sizeBytes} deflated bytes`, 'something else')
}

function slice(reader: ByteReader, name: string, { offset, sizeBytes }: ZipEntry): ByteReader {
  return {
    name,
    sizeBytes,
    read: async (begin, end) => {
      if (begin >= 0 && begin <= end && end <= sizeBytes) return reader.read(offset + begin, offset + end)
      throw invalidModel(name, begin, `${end - begin} bytes inside the entry (${sizeBytes} bytes)`, `a range up to byte ${end}`)
    },
  }
}
