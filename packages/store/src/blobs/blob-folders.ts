import { mkdirSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type BlobDigest, type Rng, parseBlobDigest, randomId } from '@soma/core'
import { syncDirectory, syncDirectoryAsync } from '../files.ts'

const PREFIX = 'sha256:'

/** Where blobs are, and the one way by which a file becomes one. */
export class BlobFolders {
  readonly #rng: Rng
  /** Emptied at every start. */
  readonly temporary: string
  /** Holds a folder for each first byte of a digest. */
  readonly blobs: string
  readonly partials: string

  constructor(rng: Rng, folders: { readonly blobs: string; readonly partials: string; readonly temporary: string }) {
    this.#rng = rng
    this.temporary = folders.temporary
    this.blobs = folders.blobs
    this.partials = folders.partials
  }

  path(digest: BlobDigest): string {
    const hex = parseBlobDigest(digest).slice(PREFIX.length)
    return join(this.blobs, hex.slice(0, 2), hex)
  }

  /** A new path for a file that is gone after the next start, whatever happens. */
  temporaryPath(): string {
    return join(this.temporary, randomId(this.#rng, 'tmp'))
  }

  /**
   * Makes the file at `path`, whose bytes are synced and have this digest, the blob. The rename is synchronous: from here on
   * the blob is there, and nothing else ran in between.
   */
  place(path: string, digest: BlobDigest): void {
    const target = this.path(digest)
    if (mkdirSync(dirname(target), { recursive: true, mode: 0o700 }) !== undefined) syncDirectory(this.blobs)
    renameSync(path, target)
  }

  /** Makes a placed blob's name durable. */
  async sync(digest: BlobDigest): Promise<void> {
    await syncDirectoryAsync(dirname(this.path(digest)))
  }
}

export function blobDigest(hex: string): BlobDigest {
  return `${PREFIX}${hex}` as BlobDigest
}
