/** A description of an endpoint; more is not ours. */
export const ENDPOINT_FILE_BYTES_MAX = 64 * 1024
/** A whole answer: the tensors and vectors that one call may give. */
export const ANSWER_BYTES_MAX = 256 * 1024 * 1024
/** An answer that says what went wrong. */
export const ERROR_BYTES_MAX = 64 * 1024
/** As much of it as a message shows. */
export const ERROR_TEXT_LENGTH_MAX = 500
/** One line or event of a stream: a tool call with large arguments. */
export const LINE_LENGTH_MAX = 16 * 1024 * 1024
/** Requests to one endpoint at once, unless its description says otherwise: servers queue by themselves. */
export const CONCURRENCY = 16
/** What this engine itself takes: 114 MB measured when loaded, 157 MB after 16 streams at once, run from its sources. */
export const PROCESS_BYTES = 160 * 1024 * 1024
/** Anthropic’s API wants an upper bound of tokens; this one all its models take. */
export const ANTHROPIC_MAX_TOKENS = 4096
/** Time for a local server to become ready: a large model read from a slow disk. */
export const READY_MS = 120_000
export const READY_MS_MAX = 3_600_000
/** Between two looks whether it is. */
export const HEALTH_EVERY_MS = 100
/** For one such look. */
export const HEALTH_MS_MAX = 2000
/** Seconds from asking a local server to end to ending it. */
export const END_SECONDS = 5
/** The last words of a local server, for the message that says why it ended. */
export const LAST_WORDS_LENGTH = 2000
/** Between two looks at a prediction of Replicate’s: how fast its text can appear, and few enough requests for its limit of 3,000 a minute. */
export const PREDICTION_EVERY_MS = 500
/** For telling it that nobody waits any more. */
export const CANCEL_MS_MAX = 5000
/** Schemas of one model’s inputs. */
export const REPLICATE_FILE_BYTES_MAX = 4 * 1024 * 1024
/** Tool calls of one answer. */
export const TOOL_CALLS_MAX = 256
