import type { BlobDigest } from '@soma/core'

/** Files by content, under `blobs/sha256/<2 hex>/<64 hex>`, read-only once there. */
export interface BlobStore {
  has(digest: BlobDigest): boolean
  /** @throws {SomaError} `store/not-found`. */
  sizeBytes(digest: BlobDigest): number
  /** Absolute path of the blob's file. Never write to it. */
  path(digest: BlobDigest): string
  read(digest: BlobDigest, range?: { readonly begin: number; readonly end: number }): AsyncIterable<Uint8Array>
  /** Hashes while writing; fsync, then atomic rename. @throws {SomaError} `package/hash-mismatch`, `package/size-mismatch`, `store/disk-full`: then nothing is left. */
  write(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options?: BlobWriteOptions): Promise<StoredBlob>
  /** Takes in a file that is already on this disk: reflink or hardlink where possible, else a copy. */
  adopt(path: string, options?: BlobWriteOptions & { readonly move?: boolean }): Promise<StoredBlob>
  /** An unfinished download that survives crashes, by any key. Two holders of one key are a bug of the caller. */
  partial(key: string): Promise<Partial>
  /** Puts the blob at `path` by hardlink, reflink or copy, whichever works first; replaces nothing. */
  link(digest: BlobDigest, path: string): Promise<'hardlink' | 'reflink' | 'copy'>
  /** @returns the digest the bytes really have, or null when the file is missing. `progress` counts bytes. */
  hash(
    digest: BlobDigest,
    options?: { readonly signal?: AbortSignal; readonly progress?: (hashedBytes: number) => void },
  ): Promise<BlobDigest | null>
  /** Keeps blobs from being collected while they are in use or not yet referenced by a record. */
  lease(digests: readonly BlobDigest[]): Disposable
  /** Removes blobs that no record references and no lease holds, and partials untouched for `partialAgeMs`. */
  collect(options: { readonly dryRun?: boolean; readonly partialAgeMs?: number }): Promise<Collected>
  usage(): { readonly blobs: number; readonly sizeBytes: number }
}

export interface BlobWriteOptions {
  readonly expected?: { readonly digest?: BlobDigest | undefined; readonly sizeBytes?: number | undefined } | undefined
  readonly signal?: AbortSignal | undefined
}

export interface StoredBlob {
  readonly digest: BlobDigest
  readonly sizeBytes: number
}

export interface Collected {
  readonly blobs: readonly BlobDigest[]
  readonly freedBytes: number
}

/** Bytes that arrived so far of something whose digest may not be known yet. */
export interface Partial extends AsyncDisposable {
  /** Bytes on disk; resume here. */
  readonly sizeBytes: number
  /** What `setValidator` last stored; undefined at first. */
  readonly validator: string | undefined
  /** Forgets the bytes; `validator` describes those to come. */
  restart(validator: string | undefined): Promise<void>
  setValidator(validator: string | undefined): Promise<void>
  append(chunk: Uint8Array): Promise<void>
  /** Path of the file with the bytes so far, for reading an archive in place. */
  readonly path: string
  /** sha256/sha512/sha1 of all bytes so far, lower-case hex; hashed while appending, re-read only after a resume. */
  digest(algorithm: 'sha256' | 'sha512' | 'sha1'): Promise<string>
  /** Makes it a blob, after fsync. The partial is gone then. */
  commit(): Promise<StoredBlob>
  /** Removes it. Disposing alone keeps the bytes for next time. */
  discard(): Promise<void>
}
