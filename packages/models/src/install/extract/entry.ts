import { SomaError } from '@soma/core'

/** One thing in an archive. Its body is read before the next one comes, or skipped. */
export interface ArchiveEntry {
  /** As the archive has it: not checked. */
  readonly path: string
  readonly kind: 'file' | 'folder'
  /** As the archive states it; the bytes that come are counted. */
  readonly sizeBytes: number
  readonly body: () => AsyncIterable<Uint8Array>
}

/** What is to be unpacked. */
export interface Archive {
  /** File on this disk. */
  readonly path: string
  readonly kind: 'file' | 'tar' | 'tar.gz' | 'zip'
  /** What messages call it. */
  readonly name: string
  /** This many leading folders are dropped from its paths. */
  readonly stripComponents: number
}

export function archiveRefused(
  archive: Archive,
  reason: string,
  more: { readonly entry?: string; readonly cause?: unknown } = {},
): SomaError {
  const { entry, cause } = more
  const shown = entry?.slice(0, 200)
  return new SomaError(
    'package/archive-refused',
    `${archive.name} is refused: ${reason}${shown === undefined ? '' : ` (${JSON.stringify(shown)})`}`,
    {
      details: { archive: archive.name, reason, ...(shown !== undefined && { entry: shown }) },
      cause,
    },
  )
}
