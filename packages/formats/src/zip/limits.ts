/** Entries of one archive: the largest checkpoints have a tensor an entry, and some 20,000 tensors. */
export const ZIP_ENTRIES_MAX = 200_000
/** Its directory: 300 bytes an entry. */
export const ZIP_DIRECTORY_BYTES_MAX = 64 * 1024 * 1024
/** A compressed entry is unpacked into memory; those that are read here are pickles and configurations. */
export const ZIP_INFLATE_BYTES_MAX = 64 * 1024 * 1024
