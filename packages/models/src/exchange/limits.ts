/** Bytes between two progress events of a transfer or an archive: some hundred a second at the speed of a disk. */
export const PROGRESS_BYTES = 8 * 1024 * 1024
/** Bytes of a file that one hash is of when it is published: a bad piece is fetched alone. */
export const PIECE_BYTES = 4 * 1024 * 1024
/** Pieces of one file; those of larger files are larger, because a registry's manifest has to hold the hashes. */
export const PIECES_MAX = 1024
/** A source that has not answered a search by then is left out. */
export const SEARCH_MS_MAX = 5_000
/** Hits taken from one source. */
export const SEARCH_HITS_PER_SOURCE = 50
/** Attempts after the first to ask a source what a reference means: somebody waits for the answer. */
export const INFO_RETRIES = 1
/** A file has to fit this many times: weights, and what running them takes beside. */
export const MEMORY_PER_FILE_BYTE = 1.2
/** Characters of a reference that `model.install` takes. */
export const REFERENCE_LENGTH_MAX = 4096
