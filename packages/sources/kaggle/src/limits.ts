/** `kaggle.json` or `access_token`: a user and a key. */
export const CREDENTIALS_BYTES_MAX = 64 * 1024
/** A model with all its variations and their documentation, or a page of a list. */
export const DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
/** An error's text. */
export const PROBLEM_BYTES_MAX = 64 * 1024
/** Files asked for at once. */
export const FILES_PAGE = 200
/** Files fetched one by one; a variation with more comes as one archive. */
export const FILES_MAX = 1000
/** Models asked for in a search. */
export const SEARCH_PAGE_MAX = 100
/** Characters of a reference or pasted address. */
export const REFERENCE_LENGTH_MAX = 1024
/** Names in an error. */
export const NAMES_SHOWN = 8
