/** A model with its schema and example, or the models that a search found with theirs. */
export const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
/** What the API takes as a search's limit. */
export const SEARCH_RESULTS_MAX = 50
/** Characters of a reference. */
export const REFERENCE_LENGTH_MAX = 512
