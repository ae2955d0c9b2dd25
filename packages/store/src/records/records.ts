/** One record as it was stored. */
export interface StoredRecord {
  readonly key: string
  readonly value: unknown
  /** sha256 of the stored JSON text, lower-case hex. */
  readonly digest: string
}

/** One row of a scan: sound, or why it is not. The key is `?` when the database file itself is damaged there. */
export type ScannedRecord = StoredRecord | { readonly key: string; readonly corrupt: string }

/** Keyed JSON documents. Written by `Store.commit` only; each row carries checksums that every read checks. */
export interface Records {
  /** @throws {SomaError} `store/corrupt` naming the record. */
  get(kind: string, key: string): StoredRecord | undefined
  /** All records of a kind, by key. @throws {SomaError} `store/corrupt` naming the record. */
  list(kind: string): StoredRecord[]
  /**
   * As `list`, but a corrupt row is reported instead of thrown, so that one flipped bit does not hide the others. With a page,
   * at most `limit` rows whose keys come after `after`.
   */
  scan(kind: string, page?: { readonly after: string; readonly limit: number }): ScannedRecord[]
  count(kind: string): number
  /**
   * Every row of every kind as `kind/key` → digest computed from its bytes (not the stored one), and the names of rows whose
   * checksums fail, or what SQLite found damaged. Never throws for damage.
   */
  digests(): { readonly digests: ReadonlyMap<string, string>; readonly corrupt: readonly string[] }
}

/** The digest a value will have once stored. */
export type RecordDigest = (value: unknown) => string
