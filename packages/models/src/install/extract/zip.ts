import { crc32 } from 'node:zlib'
import { throwIfAborted } from '@soma/core'
import { type Entry, type ZipFile, openPromise } from 'yauzl'
import { type Archive, type ArchiveEntry, archiveRefused } from './entry.ts'

/** "Version made by" of zip writers on Unix, whose upper attribute bits are a file mode. */
const MADE_ON_UNIX = 3
const TYPE_MASK = 0o170000
const REGULAR = 0o100000
const FOLDER = 0o040000

/** The entries of a zip file, in the order of its directory. */
export async function* readZip(archive: Archive, signal: AbortSignal): AsyncGenerator<ArchiveEntry, void, void> {
  const zip = await openPromise(archive.path, { autoClose: false, lazyEntries: true, strictFileNames: true, validateEntrySizes: true })
  try {
    for await (const entry of zip.eachEntry()) {
      throwIfAborted(signal)
      yield toEntry(archive, zip, entry)
    }
  } finally {
    zip.close()
  }
}

function toEntry(archive: Archive, zip: ZipFile, entry: Entry): ArchiveEntry {
  const { fileName: path, uncompressedSize: sizeBytes } = entry
  if (entry.isEncrypted()) throw archiveRefused(archive, 'it is encrypted', { entry: path })
  const type = entry.versionMadeBy >> 8 === MADE_ON_UNIX ? (entry.externalFileAttributes >>> 16) & TYPE_MASK : 0
  if (type !== 0 && type !== REGULAR && type !== FOLDER)
    throw archiveRefused(archive, 'it holds a link or device; only files and folders are unpacked', { entry: path })
  const kind = type === FOLDER || path.endsWith('/') ? 'folder' : 'file'
  return { path, kind, sizeBytes, body: () => readBody(archive, zip, entry) }
}

/** yauzl checks the size of what comes, but not its checksum. */
async function* readBody(archive: Archive, zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array, void, void> {
  let checksum = 0
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    checksum = crc32(chunk as Buffer, checksum)
    yield chunk as Buffer
  }
  if (checksum !== entry.crc32) throw archiveRefused(archive, 'a file does not match its checksum', { entry: entry.fileName })
}
