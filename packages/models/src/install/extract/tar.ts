import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { type Extract, extract } from 'tar-stream'
import { type Archive, type ArchiveEntry, archiveRefused } from './entry.ts'

const BLOCK_BYTES = 512

/** The package's types leave this one out. */
type Entry = Extract extends AsyncIterable<infer T> ? T : never

/** The entries of a tar or gzipped tar file, in order. */
export async function* readTar(archive: Archive, signal: AbortSignal): AsyncGenerator<ArchiveEntry, void, void> {
  // Archives from before 1988 have no format mark; the checksum of each header vouches for them.
  const options: object = { allowUnknownFormat: true }
  const unpacker = extract(options)
  const ending = new EndCheck()
  const file = createReadStream(archive.path, { highWaterMark: 256 * 1024 })
  const pumped =
    archive.kind === 'tar.gz'
      ? pipeline(file, createGunzip({ chunkSize: 256 * 1024 }), ending.watch, unpacker, { signal })
      : pipeline(file, ending.watch, unpacker, { signal })
  // The unpacker reports the same failure to whoever iterates it.
  pumped.catch(() => undefined)
  for await (const entry of unpacker) {
    yield toEntry(archive, entry)
    entry.resume()
  }
  await pumped
  if (!ending.isZero) throw archiveRefused(archive, 'it is cut short: its end mark is missing')
}

function toEntry(archive: Archive, entry: Entry): ArchiveEntry {
  const { name, type, size, pax } = entry.header as Entry['header'] & { readonly pax?: Readonly<Record<string, string>> | null }
  if (type !== 'file' && type !== 'contiguous-file' && type !== 'directory')
    throw archiveRefused(archive, `it holds a ${type ?? 'thing of unknown type'}; only files and folders are unpacked`, { entry: name })
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse')))
    throw archiveRefused(archive, 'it holds a sparse file', { entry: name })
  return {
    path: name,
    kind: type === 'directory' ? 'folder' : 'file',
    sizeBytes: size ?? 0,
    body: () => entry as AsyncIterable<Uint8Array>,
  }
}

/** A tar file ends in a block of zeros; one that was cut between two entries does not, and looks whole otherwise. */
class EndCheck {
  #zeros = 0

  get isZero(): boolean {
    return this.#zeros >= BLOCK_BYTES
  }

  readonly watch = (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> => this.#pass(source)

  async *#pass(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of source) {
      this.#count(chunk)
      yield chunk
    }
  }

  #count(chunk: Uint8Array): void {
    const tail = chunk.subarray(-BLOCK_BYTES)
    const lastOther = tail.findLastIndex((byte) => byte !== 0)
    this.#zeros = lastOther < 0 ? this.#zeros + tail.byteLength : tail.byteLength - lastOther - 1
  }
}
