/** An answer: a list of 10,000 files takes about 4 MiB. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024
/** Models of one page of a search: more the hub refuses. */
export const PAGE_MODELS_MAX = 50
/** Branches and tags named in an error when the one asked for does not exist. */
export const REVISIONS_SHOWN = 12
/** Models named in an error when the one asked for does not exist. */
export const MODELS_SHOWN = 5
