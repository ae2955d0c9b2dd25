import { foldPath } from '../../package/file-set.ts'
import { ARCHIVE_BYTES_MAX, ARCHIVE_ENTRIES_MAX, ARCHIVE_RATIO_FREE_BYTES, ARCHIVE_RATIO_MAX } from '../limits.ts'
import { type Archive, archiveRefused } from './entry.ts'

/** Counts what comes out of an archive, and stops it when that is more than any honest one holds. */
export class ExtractionGuard {
  readonly #archive: Archive
  readonly #bytesMax: number
  readonly #kept = new Set<string>()
  #entries = 0
  #bytes = 0

  /** @param archiveBytes size of the archive file. */
  constructor(archive: Archive, archiveBytes: number) {
    this.#archive = archive
    this.#bytesMax = Math.min(ARCHIVE_BYTES_MAX, Math.max(ARCHIVE_RATIO_FREE_BYTES, archiveBytes * ARCHIVE_RATIO_MAX))
  }

  entry(): void {
    if (++this.#entries > ARCHIVE_ENTRIES_MAX) throw archiveRefused(this.#archive, `it has more than ${ARCHIVE_ENTRIES_MAX} entries`)
  }

  /** Called with each file that is kept, because two of the same name hide one from whoever checks the other. */
  keep(path: string): void {
    const fold = foldPath(path)
    if (this.#kept.has(fold))
      throw archiveRefused(this.#archive, 'it holds a name twice, or two that differ by case alone', { entry: path })
    this.#kept.add(fold)
  }

  bytes(count: number): void {
    this.#bytes += count
    if (this.#bytes > this.#bytesMax) throw archiveRefused(this.#archive, `it unpacks to more than ${this.#bytesMax} bytes, as bombs do`)
  }

  async *counted(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    for await (const chunk of body) {
      this.bytes(chunk.byteLength)
      yield chunk
    }
  }
}
