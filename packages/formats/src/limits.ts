/** Limits that all formats share. Each format keeps its own in its folder's `limits.ts`. */

/** Bytes read from a file at once: a header of a hundred tensors fits, and skipping from tensor to tensor reads little too much. */
export const WINDOW_BYTES = 64 * 1024
/** Bytes that a cursor may be asked to hold in one piece: the largest header that any format here has, with room. */
export const CURSOR_NEED_BYTES_MAX = 128 * 1024 * 1024
/** Characters of a value that an error message quotes. */
export const QUOTED_LENGTH_MAX = 80
