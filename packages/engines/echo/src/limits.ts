/** A model file holds settings and a signature; more is not ours. */
export const MODEL_FILE_BYTES_MAX = 1024 * 1024
/** Ten minutes: longer than any limit that a test wants to see reached. */
export const DELAY_MS_MAX = 600_000
