import { stat } from 'node:fs/promises'
import { abortError, isSomaError } from '@soma/core'
import { checkPackagePath } from '@soma/spec'
import type { BlobLease, BlobStore, StoredBlob } from '@soma/store'
import { type Archive, type ArchiveEntry, archiveRefused } from './entry.ts'
import { ExtractionGuard } from './guard.ts'
import { readTar } from './tar.ts'
import { readZip } from './zip.ts'

export interface ExtractOptions {
  /** Takes the files. */
  readonly blobs: Pick<BlobStore, 'write'>
  /** Holds what is unpacked, where those are blobs. */
  readonly lease?: BlobLease
  readonly signal: AbortSignal
  /** Whether a file, by its path inside the package, is to be kept. */
  readonly wanted: (path: string) => boolean
  readonly onFile: (path: string, blob: StoredBlob) => void
}

/**
 * Unpacks the wanted files of an archive into blobs, one after the other, without ever holding one in memory.
 * @throws {SomaError} `package/archive-refused`, `package/unsafe-path` with the entry; `store/disk-full`.
 */
export async function extractArchive(archive: Archive, options: ExtractOptions): Promise<void> {
  const { signal } = options
  const { size } = await stat(archive.path)
  const guard = new ExtractionGuard(archive, size)
  try {
    for await (const entry of archive.kind === 'zip' ? readZip(archive, signal) : readTar(archive, signal)) {
      guard.entry()
      await extractEntry(archive, entry, guard, options)
    }
  } catch (error) {
    if (signal.aborted) throw abortError(signal)
    throw isSomaError(error) ? error : archiveRefused(archive, error instanceof Error ? error.message : String(error), { cause: error })
  }
}

async function extractEntry(archive: Archive, entry: ArchiveEntry, guard: ExtractionGuard, options: ExtractOptions): Promise<void> {
  if (entry.kind === 'folder' && /^(\.\/*)+$/.test(entry.path)) return
  // Checked even where it is not kept: an archive with such a path was made to do harm.
  const parts = checkPackagePath(entry.path).split('/').slice(archive.stripComponents)
  if (entry.kind === 'folder' || parts.length === 0) return
  const path = parts.join('/')
  if (!options.wanted(path)) return guard.bytes(archive.kind === 'zip' ? 0 : entry.sizeBytes)
  guard.keep(path)
  const { lease, signal } = options
  const blob = await options.blobs.write(guard.counted(entry.body()), {
    expected: { sizeBytes: entry.sizeBytes },
    lease,
    signal,
  })
  options.onFile(path, blob)
}
