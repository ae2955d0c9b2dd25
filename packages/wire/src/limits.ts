/** A body up to this size gets its buffer at once; a larger one grows as bytes really come, so that a claim costs nothing. */
export const BODY_UPFRONT_BYTES = 16 * 1024 * 1024
/** The same for headers, which are nearly always small. */
export const HEADER_UPFRONT_BYTES = 64 * 1024
/** Chunks from this size on are freed by hand; for smaller ones the garbage collector is cheaper. */
export const RELEASED_CHUNK_BYTES_MIN = 32 * 1024
/** Method names are short words; more is an attack or a bug. */
export const METHOD_LENGTH_MAX = 256
/** Stream credit a reader may give: far above any window, and safe to add up. */
export const CREDIT_MAX = 1_000_000
/** Refused calls whose refusal is not yet written: over this the other side only sends and never reads. */
export const REFUSALS_PENDING_MAX = 16_384
/** Calls that the host may run in one engine process at once; its scheduler stays far below. */
export const ENGINE_CONCURRENCY_MAX = 256
/** Generated events on their way to the host: enough to hide a round trip, small enough to bound memory. */
export const ENGINE_STREAM_WINDOW = 32
/** Frames whose attachments are together at most this large are written as one buffer. */
export const JOINED_BYTES_MAX = 64 * 1024
