/** Names offered when one is not found. */
export const NEAREST_NAMES_MAX = 3
/** Files hashed at once by verify: one is read while the other is hashed; more would only fight for the disk. */
export const VERIFY_PARALLEL = 2
/** Progress events of one file, a second. */
export const VERIFY_PROGRESS_INTERVAL_MS = 100
/** Files linked at once when a package is laid out. */
export const LAYOUT_PARALLEL = 16
/** Records read and parsed before other work gets its turn: 5 ms. */
export const RECORDS_PAGE = 64
