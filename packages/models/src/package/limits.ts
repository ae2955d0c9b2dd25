/** Alternatives that the braces of one glob may expand to. */
export const GLOB_ALTERNATIVES_MAX = 64
/** Comparisons of a character or folder that the globs of one call may take: 100 globs over 10,000 paths take half of it, and a second. */
export const GLOB_STEPS_MAX = 100_000_000

/** Largest file that is kept beside a model because it looks like configuration, vocabulary or licence: tokenizers reach 35 MiB. */
export const SUPPORT_FILE_BYTES_MAX = 64 * 1024 * 1024
/** Files named in an error message. */
export const CANDIDATES_SHOWN_MAX = 10
/** Brackets inside brackets in one SPDX expression. */
export const LICENCE_DEPTH_MAX = 32
