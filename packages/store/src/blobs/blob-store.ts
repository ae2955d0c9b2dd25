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
   * Takes in a file that is already on this disk: with `move` by rename where that is safe, else by reflink or copy. With `link`
   * by hardlink where the file system allows it: only for a file that nobody writes to any more, because whoever did would write
   * into the blob. Its mode and owner stay as they are.
   * @throws {SomaError} `package/hash-mismatch`, `package/size-mismatch`, `store/disk-full`: then nothing is left.
   */
  adopt(path: string, options?: BlobWriteOptions & { readonly move?: boolean; readonly link?: boolean }): Promise<AdoptedBlob>
  /** An unfinished download that survives crashes, by any key. Two holders of one key are a bug of the caller. */
  partial(key: string, options?: PartialOptions): Promise<Partial>
  /** Bytes on disk of the unfinished download with this key, as far as the file system tells; 0 when there is none. */
  partialBytes(key: string): number
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
  /** Notes that a blob's bytes were found not to be its own: for everybody it is not there, until it is written anew or trusted again. */
  distrust(digest: BlobDigest): void
  /** Notes that a blob was hashed, and is what its name says. */
  trust(digest: BlobDigest): void
  /** Keeps blobs from being collected while they are in use or not yet referenced by a record. */
  lease(digests: readonly BlobDigest[]): BlobLease
  isLeased(digest: BlobDigest): boolean
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
  /** Those of `freedBytes` that were of unfinished downloads. */
  readonly partialBytes: number
}

export type HashAlgorithm = 'sha256' | 'sha512' | 'sha1'

/** A file that became a blob, and how. */
export interface AdoptedBlob extends StoredBlob {
  readonly how: 'move' | 'hardlink' | 'reflink' | 'copy'
}

export interface PartialOptions {
  /** Hashed while the bytes arrive; sha256 by default. */
  readonly algorithms?: readonly HashAlgorithm[] | undefined
  /** 4 MiB by default. A download that was begun with another size begins anew. */
  readonly chunkBytes?: number | undefined
}

/**
 * An unfinished download: a file in chunks that come in any order, several at once, each from its beginning. What is known of each
 * chunk is in a journal, with its CRC-32: cheap enough for every byte, and all that is needed to find a chunk that the disk lost
 * or damaged. Whether the bytes are the right ones, the hash over all of them says.
 */
export interface Partial extends AsyncDisposable {
  /** Path of the file, for reading an archive in place; complete after `settle`. */
  readonly path: string
  readonly chunkBytes: number
  /** Size of the whole, undefined until `setSize` told it. */
  readonly sizeBytes: number | undefined
  /** What `restart` last stored; undefined at first. */
  readonly validator: string | undefined
  /** Bytes taken in so far, over all chunks. */
  readonly receivedBytes: number
  /** Forgets the bytes; `validator` describes those to come. */
  restart(validator: string | undefined): Promise<void>
  /** What does not fit the size is forgotten; a last chunk that does is whole from here on. */
  setSize(sizeBytes: number): Promise<void>
  /** Bytes taken in of this chunk: go on there. */
  filled(chunk: number): number
  /** True when all of this chunk was taken in, which takes the size for the last one. */
  isWhole(chunk: number): boolean
  /** The lowest chunk from `begin` on that is not whole; it may lie behind the last. */
  firstMissing(begin?: number): number
  /** How many chunks there are; Infinity while the size is unknown. */
  readonly chunkCount: number
  /** How many chunks are not whole; Infinity while the size is unknown. */
  readonly missingChunks: number
  /**
   * Takes in the next bytes of a chunk, at most to its end; `bytes` belong to this from here on. One caller a chunk.
   * @throws {SomaError} `store/disk-full`.
   */
  append(chunk: number, bytes: Uint8Array): Promise<void>
  /** Forgets a chunk. @returns the CRC-32 it had, when it was whole. */
  forget(chunk: number): number | undefined
  /** The CRC-32 of a whole chunk, undefined for others. */
  checksum(chunk: number): number | undefined
  /** sha256 of a whole chunk as it is on the disk, lower-case hex. */
  chunkDigest(chunk: number): Promise<string>
  /**
   * Waits until everything taken in is in the file, and whole chunks were read back and hashed as far as they follow each other.
   * @returns the chunks that were not on the disk what they were when they came; they are forgotten.
   */
  settle(): Promise<readonly number[]>
  /** Hash of the whole, lower-case hex, after `settle`; algorithms that were not named at opening read the file once more. */
  digest(algorithm: HashAlgorithm): Promise<string>
  /**
   * Makes it a blob, after fsync. The partial is gone then.
   * @throws {SomaError} `package/hash-mismatch`, `package/size-mismatch`; then it is still there: discard or restart it.
   */
  commit(options?: BlobWriteOptions): Promise<StoredBlob>
  /** Removes it. Disposing alone keeps the bytes for next time. */
  discard(): Promise<void>
}
