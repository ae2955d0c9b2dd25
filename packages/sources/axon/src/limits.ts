/** `~/.axon/config.yaml`: a few settings. */
export const CONFIG_BYTES_MAX = 64 * 1024
/** What a registry answers to a search. Some answer with all that they have. */
export const SEARCH_BYTES_MAX = 8 * 1024 * 1024
/** Entries read of such an answer. */
export const SEARCH_RESULTS_MAX = 10_000
/** Characters of a reference. */
export const REFERENCE_LENGTH_MAX = 512
/** Versions named in an error. */
export const VERSIONS_SHOWN = 8
