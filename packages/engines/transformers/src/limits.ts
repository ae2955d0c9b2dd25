/** Node and the libraries before any weights, as built: 129 MB measured with a model of 1 kB. */
export const PROCESS_BYTES = 128 * 1024 * 1024
/**
 * Weights in memory per byte on disk, at most: the data, and the copies that matrix products are packed into. Smaller numbers
 * are unpacked to float32 while the model is made ready. Measured: 1.35 for 134 MB of float32, 3.3 and 6.9 for 34 MB of int8
 * in two ways, 7.9 for MiniLM in int8.
 */
export const WEIGHT_FACTORS = { full: 1.4, half: 4, packed: 8 } as const
/** Bytes of one JSON file of a package. The largest tokenizers (260,000 tokens with merges) take 35 MB. */
export const JSON_BYTES_MAX = 128 * 1024 * 1024
/** Tokens of one sequence where the model itself names no limit, so that a book does not take all memory: attention takes the square of it. */
export const SEQUENCE_TOKENS_MAX = 32_768
/** Numbers beyond this are how tokenizers write "no limit" (1e30). */
export const MEANT_TOKENS_MAX = 1e9
/** Calls that wait for the one that runs: each holds its input in memory. */
export const WAITING_CALLS_MAX = 64
/** Bytes of one encoded picture. A 64-megapixel photograph in best JPEG quality takes half. */
export const PICTURE_BYTES_MAX = 64 * 1024 * 1024
/** Pixels of one picture: decoded it takes 192 MB at most. */
export const PICTURE_PIXELS_MAX = 64_000_000
/** Classes that one answer names: the best of a model that has more. */
export const LABELS_SHOWN_MAX = 1000
/** Candidate labels of one zero-shot call: each is a run of the model. */
export const CANDIDATES_MAX = 1000
/** Suggestions for a masked word. */
export const SUGGESTIONS_MAX = 5
/** Tokens of an answer to a question, as in the library's Python original. */
export const ANSWER_TOKENS_MAX = 15
/** Tokens that one rewriting (summary, translation) may take where its model does not say. */
export const REWRITTEN_TOKENS_MAX = 512
/** Surety under which a found object is left out, as in the library. */
export const OBJECT_SCORE_MIN = 0.9
/** Texts that are embedded at once. MiniLM took 6.9 ms of CPU for each short text alone, 3.9 in eights, 3.8 in 32s. */
export const EMBED_BATCH_MAX = 8
/** Seconds of sound that a speech model hears at once: what Whisper was made for. */
export const SPEECH_WINDOW_SECONDS = 30
/** Seconds at the end of a window in which a pause is looked for to cut at. */
export const SPEECH_CUT_SECONDS = 5
/** Tokens of one window: Whisper's decoder takes 448, with the prompt. */
export const SPEECH_TOKENS_MAX = 440
/** A template writes 4,096 messages in some milliseconds; one that takes longer than this on the busiest machine does not end. */
export const TEMPLATE_MS_MAX = 5_000
