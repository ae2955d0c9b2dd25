import { existsSync, readdirSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type BlobDigest, isBlobDigest } from '@soma/core'
import { hasErrorCode } from '../files.ts'
import type { BlobLease, StoredBlob } from './blob-store.ts'
import { type BlobFolders, blobDigest } from './blob-folders.ts'
import type { LeaseTable } from './lease-table.ts'

export interface Usage {
  readonly blobs: number
  readonly sizeBytes: number
}

/** Puts blobs into their place and takes them out of it, and keeps count. */
export class BlobPlacer {
  readonly #folders: BlobFolders
  readonly #leases: LeaseTable
  /** Blobs that are not what their names say. */
  readonly #distrusted = new Set<BlobDigest>()
  #usage: Usage | undefined

  constructor(folders: BlobFolders, leases: LeaseTable) {
    this.#folders = folders
    this.#leases = leases
  }

  /** A hold for as long as an operation on blobs lasts, up to the turn in which its caller goes on. */
  hold(): BlobLease {
    return this.#leases.lease([])
  }

  /** Makes the synced file at `path` the blob, held by `holders` from before it is there. */
  async place(path: string, blob: StoredBlob, holders: Iterable<BlobLease | undefined>): Promise<StoredBlob> {
    for (const holder of holders) holder?.add(blob.digest)
    const isNew = !existsSync(this.#folders.path(blob.digest))
    this.#folders.place(path, blob.digest)
    this.#distrusted.delete(blob.digest)
    if (isNew) this.#count(1, blob.sizeBytes)
    await this.#folders.sync(blob.digest)
    return blob
  }

  /** Removes a blob that is not held. @returns its size, or undefined when it was not there. */
  remove(digest: BlobDigest): number | undefined {
    const sizeBytes = this.#sizeOnDisk(digest)
    if (sizeBytes === undefined) return undefined
    unlinkSync(this.#folders.path(digest))
    this.#distrusted.delete(digest)
    this.#count(-1, -sizeBytes)
    return sizeBytes
  }

  /** @returns undefined when it is not there, or not to be trusted. */
  sizeBytes(digest: BlobDigest): number | undefined {
    return this.#distrusted.has(digest) ? undefined : this.#sizeOnDisk(digest)
  }

  distrust(digest: BlobDigest): void {
    this.#distrusted.add(digest)
  }

  trust(digest: BlobDigest): void {
    this.#distrusted.delete(digest)
  }

  #sizeOnDisk(digest: BlobDigest): number | undefined {
    return statSync(this.#folders.path(digest), { throwIfNoEntry: false })?.size
  }

  /** Counted once, and kept up to date from then on. */
  usage(): Usage {
    if (!this.#usage) {
      this.#usage = { blobs: 0, sizeBytes: 0 }
      for (const digest of this.list()) this.#count(1, this.#sizeOnDisk(digest) ?? 0)
    }
    return this.#usage
  }

  #count(blobs: number, sizeBytes: number): void {
    if (this.#usage) this.#usage = { blobs: this.#usage.blobs + blobs, sizeBytes: this.#usage.sizeBytes + sizeBytes }
  }

  /** Every blob there is. Files of other names are left alone. */
  *list(): Generator<BlobDigest> {
    for (const shard of readNames(this.#folders.blobs))
      for (const name of readNames(join(this.#folders.blobs, shard))) {
        const digest = blobDigest(name)
        if (isBlobDigest(digest) && name.startsWith(shard)) yield digest
      }
  }
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path)
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}
