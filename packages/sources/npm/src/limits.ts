/** The abridged index of one package. The largest on the public registry, with thousands of versions, have about 20 MB. */
export const PACKUMENT_BYTES_MAX = 64 * 1024 * 1024
/** One version's package.json. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024
/** Versions named in an error when the one asked for does not exist. */
export const NEAREST_VERSIONS_SHOWN = 5
