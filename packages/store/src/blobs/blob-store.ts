import type { BlobDigest } from '@soma/core'

/** Files by content, under `blobs/sha256/<2 hex>/<64 hex>`, read-only once there. */
export interface BlobStore {
  has(digest: BlobDigest): boolean
  /** @throws {SomaError} `store/not-found`. */
  sizeBytes(digest: BlobDigest): number
  /** Absolute path of the blob's file. Never write to it. */
  path(digest: BlobDigest): string
  /** The bytes from `begin` up to `end`, all by default. @throws {SomaError} `store/not-found`. */
  read(digest: BlobDigest, range?: { readonly begin: number; readonly end: number }): AsyncIterable<Uint8Array>
  /**
   * Hashes while writing; fsync, then atomic rename. Replaces a blob of the same digest, which repairs a damaged one.
   * @throws {SomaError} `package/hash-mismatch`, `package/size-mismatch`, `store/disk-full`: then nothing is left.
   */
  write(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options?: BlobWriteOptions): Promise<StoredBlob>
  /**
   * Takes in a file that is already on this disk: with `move` by rename where that is safe, else by reflink or copy. Never by
   * hardlink: whoever may still write to the file would write into the blob.
   */
  adopt(path: string, options?: BlobWriteOptions & { readonly move?: boolean }): Promise<StoredBlob>
  /** An unfinished download that survives crashes, by any key. Two holders of one key are a bug of the caller. */
  partial(key: string, options?: { readonly algorithms?: readonly HashAlgorithm[] | undefined }): Promise<Partial>
  /**
   * Puts the blob at `path` by hardlink, reflink or copy, whichever works first; replaces nothing (`EEXIST`).
   * @throws {SomaError} `store/not-found`, `store/disk-full`.
   */
  link(digest: BlobDigest, path: string): Promise<'hardlink' | 'reflink' | 'copy'>
  /** @returns the digest the bytes really have, or null when the file is missing. `progress` counts bytes. */
  hash(
    digest: BlobDigest,
    options?: { readonly signal?: AbortSignal | undefined; readonly progress?: ((hashedBytes: number) => void) | undefined },
  ): Promise<BlobDigest | null>
  /** Keeps blobs from being collected while they are in use or not yet referenced by a record. */
  lease(digests: readonly BlobDigest[]): BlobLease
  /**
   * Removes blobs that no record references and no lease holds, and partials untouched for `partialAgeMs` (a week by default).
   * @throws {SomaError} `store/corrupt` when a damaged record leaves open what is referenced: then nothing is removed.
   */
  collect(options: { readonly dryRun?: boolean; readonly partialAgeMs?: number }): Promise<Collected>
  usage(): { readonly blobs: number; readonly sizeBytes: number }
}

export interface BlobWriteOptions {
  readonly expected?: { readonly digest?: BlobDigest | undefined; readonly sizeBytes?: number | undefined } | undefined
  readonly signal?: AbortSignal | undefined
  /** Holds the blob from before it is there. Without one, take a lease or commit a record in the turn in which this resolves. */
  readonly lease?: BlobLease | undefined
}

export interface StoredBlob {
  readonly digest: BlobDigest
  readonly sizeBytes: number
}

/** A hold on blobs; ends when disposed. */
export interface BlobLease extends Disposable {
  /** Holds one more blob, which need not be there yet. */
  add(digest: BlobDigest): void
}

export interface Collected {
  readonly blobs: readonly BlobDigest[]
  readonly freedBytes: number
}

export type HashAlgorithm = 'sha256' | 'sha512' | 'sha1'

/** Bytes that arrived so far of something whose digest may not be known yet. */
export interface Partial extends AsyncDisposable {
  /** Bytes taken in so far; resume here. */
  readonly sizeBytes: number
  /** What `restart` or `setValidator` last stored; undefined at first. */
  readonly validator: string | undefined
  /** Forgets the bytes; `validator` describes those to come. */
  restart(validator: string | undefined): Promise<void>
  setValidator(validator: string | undefined): Promise<void>
  /** Takes the bytes in; `chunk` may be reused afterwards. @throws {SomaError} `store/disk-full`; the bytes before stay. */
  append(chunk: Uint8Array): Promise<void>
  /** Hands everything taken in to the file at `path`. */
  flush(): Promise<void>
  /** Path of the file with the bytes so far, for reading an archive in place; complete after `flush` or `digest`. */
  readonly path: string
  /**
   * Hash of all bytes so far, lower-case hex. The algorithms named at opening (sha256 by default) are hashed while appending,
   * and what was there before a resume is re-read once; any other one reads the whole file.
   */
  digest(algorithm: HashAlgorithm): Promise<string>
  /**
   * Makes it a blob, after fsync. The partial is gone then.
   * @throws {SomaError} `package/hash-mismatch`, `package/size-mismatch`; then it is still there: discard or restart it.
   */
  commit(options?: BlobWriteOptions): Promise<StoredBlob>
  /** Removes it. Disposing alone keeps the bytes for next time. */
  discard(): Promise<void>
}
