/** Installs at once. More wait for nothing but each other's bandwidth. */
export const INSTALLS_MAX = 64
/** Files fetched for one package. */
export const ARTIFACTS_MAX = 1000
/** Files of this machine that are checked at once. */
export const LOCAL_FILES_PARALLEL = 4
/** Connections of all downloads together: as many as the HTTP client opens to one host. */
export const CONNECTIONS_MAX = 16
/** Files of fewer chunks than this come over one connection: 16 MiB take less time than opening more. */
export const RANGED_CHUNKS_MIN = 4
/** Chunks of one request where several connections share a file: 64 MiB, so that hashing, which goes from the front, stays close behind. */
export const SPAN_CHUNKS_MAX = 16
/** Sizes of pieces with hashes of their own that are made use of: what the store can keep account of. */
export const CHUNK_BYTES_MIN = 1024
export const CHUNK_BYTES_MAX = 64 * 1024 * 1024
/** How often a chunk that does not match its own hash is fetched. */
export const CHUNK_TRIES_MAX = 3
/** How often a download is completed whose bytes the disk does not give back as they came. */
export const DAMAGE_ROUNDS_MAX = 3
/** What a download may get ahead of the bandwidth limit, in milliseconds' worth of it: enough that a fast line is used evenly. */
export const THROTTLE_BURST_MS = 100
/** Longest wait for bandwidth before the limit is looked at again, because it may have been changed. */
export const THROTTLE_WAIT_MS_MAX = 250
/** Progress events of one file, a second: more than a progress bar can show. */
export const PROGRESS_INTERVAL_MS = 100
/** Longest time that asking a source what a reference means may take: 10,000 files are ten pages. */
export const RESOLVE_MS_MAX = 5 * 60_000
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
/** Characters of what a source states, as manifests have room for them: of a version, a task, an address. */
export const VERSION_LENGTH_MAX = 128
export const TASK_LENGTH_MAX = 64
export const HOMEPAGE_LENGTH_MAX = 2048
/** Of a licence or a warning. */
export const WORDS_LENGTH_MAX = 1024
/** Of a description: two pages. */
export const DESCRIPTION_LENGTH_MAX = 4096
/** Warnings of a source, and formats of a hit. */
export const WARNINGS_MAX = 32
