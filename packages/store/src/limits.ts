/** Rows of one batch: the audit entries of 50 ms at full speed, ten times over. */
export const COMMIT_ROWS_MAX = 100_000
/** One record's JSON text, in UTF-16 units: a manifest of 100,000 files fits. */
export const RECORD_LENGTH_MAX = 16 * 1024 * 1024
/** One log entry's body, in UTF-16 units: an entry holds digests, so that 60,000 deletions of one call fit. */
export const LOG_BODY_LENGTH_MAX = 4 * 1024 * 1024
/** One event's JSON text, in UTF-16 units: events say what happened; contents are fetched by a call. */
export const EVENT_LENGTH_MAX = 256 * 1024
/** Keys of records and partials, in UTF-16 units: a resource name of 512 and a prefix. */
export const KEY_LENGTH_MAX = 1024
/** Events kept for late subscribers, about 3 MB. */
export const EVENTS_KEPT_MAX = 10_000
/** Log entries or events read at once, about 5 MB. */
export const READ_ROWS_MAX = 10_000
/** Rows of one multi-row insert. Measured: 64 rows cost 0.6 of single inserts each; more gains nothing. */
export const INSERT_ROWS = 64

/** Log entries checked before other work gets its turn: about 3 ms. */
export const VERIFY_PAGE_ENTRIES = 1000
/** Checkpoints checked before other work gets its turn: ML-DSA-65 verifies in 0.2 ms. */
export const VERIFY_PAGE_CHECKPOINTS = 16
/** Problems one verification names; a log with more is lost anyway. */
export const PROBLEMS_MAX = 100
/** One line of `checkpoints.jsonl`; signatures make it 4.7 kB. */
export const CHECKPOINT_LINE_BYTES_MAX = 16 * 1024
/** A key file in PEM; both are under 200 bytes. */
export const KEY_FILE_BYTES_MAX = 16 * 1024

/** Bytes written, read and hashed at once: 1.1 ms of hashing, after which other work gets its turn. */
export const BLOB_CHUNK_BYTES = 1024 * 1024
/** Bytes after which a growing file is synced in the background, so that the final fsync has little left to do. */
export const SYNC_EVERY_BYTES = 64 * 1024 * 1024
/** A download is kept in pieces of this size: so much is fetched again, per connection, after a crash. */
export const PARTIAL_CHUNK_BYTES = 4 * 1024 * 1024
/** Smallest and largest piece of a download; a source that hashes its files in pieces may choose in between. */
export const PARTIAL_CHUNK_BYTES_MIN = 1024
export const PARTIAL_CHUNK_BYTES_MAX = 64 * 1024 * 1024
/** Bytes of one connection that are gathered for one write: four socket reads. With 16 connections larger ones take 10 MB more and gain nothing. */
export const GATHER_BYTES = 256 * 1024
/** After so many chunks the hash of a download is remembered: a chunk that is fetched again costs at most 256 MiB of hashing anew. */
export const HASH_CHECKPOINT_CHUNKS = 64
/** The journal of a partial: 30 bytes a chunk, so that a terabyte in chunks of 4 MiB takes 8 MB. */
export const JOURNAL_BYTES_MAX = 64 * 1024 * 1024
/** Blobs removed before other work gets its turn. */
export const COLLECT_PAGE_BLOBS = 64
/** Partials nobody has touched for a week are given up, unless `collect` is told otherwise. */
export const PARTIAL_AGE_MS_DEFAULT = 7 * 24 * 60 * 60 * 1000
