/** Calls under way at once. Each holds its input; at 10,000 the faces' own limits have failed. */
export const ACTIVE_CALLS_MAX = 10_000
/** Entries of calls that change nothing are committed together, at most this late. The brief's figure. */
export const JOURNAL_DELAY_MS = 50
/** Entries of calls that change nothing are safe from a power failure at most this late: syncing every group would stop the daemon
 * for as long as the disk takes, twenty times a second. */
export const JOURNAL_SYNC_MS = 1_000
/** After a commit that failed: long enough not to hammer a full disk, short enough to lose little in a crash. */
export const JOURNAL_RETRY_MS = 1_000
/** A group is committed early at this size: about 10 ms of writing. */
export const JOURNAL_GROUP_MAX = 2_048
/** Entries held while the disk refuses them; beyond, calls are refused rather than left without a trace. */
export const JOURNAL_PENDING_MAX = 100_000
/** One event's JSON text, in UTF-16 units: below the store's own limit, because an event that it refuses would hold up all that wait with it. */
export const EVENT_LENGTH_MAX = 64 * 1024
/** Events waiting for one subscriber. More are dropped, counted, and the subscriber is told. */
export const SUBSCRIBER_QUEUE_MAX = 1_024
/** Subscribers at once. */
export const SUBSCRIBERS_MAX = 1_024
/** Rows read at once when replaying logs. */
export const PAGE_ROWS = 500
/** Capabilities in the table: all can be revoked by one call, whose audit entry and batch the store takes. */
export const CAPABILITIES_MAX = 20_000
/** Parent, child, grandchild …: deeper chains make every charge slow. */
export const DERIVATION_DEPTH_MAX = 32
/** Problems that `audit.verify` names before it only counts. */
export const PROBLEMS_MAX = 100
/** A signed checkpoint is made after this many entries. */
export const CHECKPOINT_ENTRIES = 10_000
/** Token texts whose check is remembered. At 200 bytes each this is 200 kB. */
export const CHECKED_TOKENS_MAX = 1_000
