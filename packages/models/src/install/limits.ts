/** Installs at once. More wait for nothing but each other's bandwidth. */
export const INSTALLS_MAX = 64
/** Files fetched for one package. */
export const ARTIFACTS_MAX = 1000
/** Files of this machine that are checked at once. */
export const LOCAL_FILES_PARALLEL = 4
/** Complete downloads that are kept open until they become blobs: 2 MiB of buffers each, against reading the file once more. */
export const PARKED_MAX = 8
/** Progress events of one file, a second: more than a progress bar can show. */
export const PROGRESS_INTERVAL_MS = 100
/** First delay before trying again; doubled each time. */
export const RETRY_DELAY_MS = 500
/** Longest delay that is chosen here. */
export const RETRY_DELAY_MS_MAX = 30_000
/** Longest wait that a source may ask for; when it wants more, the install fails and says so. */
export const RETRY_AFTER_MS_MAX = 120_000
/** After this much has come, the attempts are counted from the beginning: a long download over a bad line may break often. */
export const RETRY_PROGRESS_BYTES = 1024 * 1024
/** A connection that sends nothing for this long is taken for broken. */
export const STALL_MS = 60_000
/** Room that must be left on the disk beside the package, for records and logs. */
export const DISK_RESERVE_BYTES = 64 * 1024 * 1024
/** Entries of one archive: a wheel of a large framework has 20,000. */
export const ARCHIVE_ENTRIES_MAX = 100_000
/** Bytes that one archive may unpack to. */
export const ARCHIVE_BYTES_MAX = 512 * 1024 * 1024 * 1024
/** Unpacked bytes per byte of archive. Weights compress 1.1 times, vocabularies 10 times, deflate at most 1,032 times. */
export const ARCHIVE_RATIO_MAX = 200
/** The ratio counts from here on: small texts may compress as well as they like. */
export const ARCHIVE_RATIO_FREE_BYTES = 16 * 1024 * 1024
