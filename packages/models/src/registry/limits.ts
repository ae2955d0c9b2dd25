/** Files hashed at once by verify: one is read while the other is hashed; more would only fight for the disk. */
export const VERIFY_PARALLEL = 2
/** Progress events of one file, a second. */
export const VERIFY_PROGRESS_INTERVAL_MS = 100
/** Files linked at once when a package is laid out. */
export const LAYOUT_PARALLEL = 16
/** Records read and parsed before other work gets its turn: 5 ms. */
export const RECORDS_PAGE = 64
/** Bytes to hash for which threads are started: less is done sooner than a thread is there. */
export const HASH_THREADS_BYTES_MIN = 64 * 1024 * 1024
/** Threads that hash: a disk is seldom faster. */
export const HASH_THREADS_MAX = 16
