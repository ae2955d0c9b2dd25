import type { BlobDigest, Clock } from '@soma/core'
import type { CallEvent } from '@soma/spec'
import type { BlobStore } from '@soma/store'
import type { Watched } from '../watched.ts'
import type { InstalledFile } from '../ports.ts'
import type { HashPool } from './hash-pool.ts'
import { VERIFY_PROGRESS_INTERVAL_MS } from './limits.ts'

export interface BlobHasherDeps {
  readonly blobs: BlobStore
  readonly clock: Clock
  /** Where there is enough to hash for threads. */
  readonly pool: HashPool | undefined
}

/** Hashes each blob once, however many models share it, and tells how far it is. */
export class BlobHasher {
  readonly #deps: BlobHasherDeps
  readonly #watched: Watched<CallEvent<'model.verify'>>
  readonly #hashes = new Map<BlobDigest, Promise<BlobDigest | null>>()

  constructor(deps: BlobHasherDeps, watched: Watched<CallEvent<'model.verify'>>) {
    this.#deps = deps
    this.#watched = watched
  }

  /** The digest that a file has now; null when it is missing. */
  async hash(name: string, file: InstalledFile): Promise<BlobDigest | null> {
    const known = this.#hashes.get(file.digest)
    if (known) return known
    const hash = this.#start(name, file)
    this.#hashes.set(file.digest, hash)
    return hash
  }

  async #start(name: string, { path, digest, sizeBytes }: InstalledFile): Promise<BlobDigest | null> {
    const { clock } = this.#deps
    const { report } = this.#watched
    let nextAt = 0
    const found = await this.#read(digest, (hashedBytes) => {
      const now = clock.monotonic()
      if (now < nextAt || hashedBytes === sizeBytes) return
      nextAt = now + VERIFY_PROGRESS_INTERVAL_MS
      report({ name, path, hashedBytes, totalBytes: sizeBytes })
    })
    report({ name, path, hashedBytes: found === null ? 0 : sizeBytes, totalBytes: sizeBytes })
    return found
  }

  async #read(digest: BlobDigest, progress: (hashedBytes: number) => void): Promise<BlobDigest | null> {
    const { blobs, pool } = this.#deps
    const { signal } = this.#watched
    if (!pool) return blobs.hash(digest, { signal, progress })
    const found = await pool.hash(blobs.path(digest), { signal, progress })
    if (found === digest) blobs.trust(digest)
    return found
  }
}
