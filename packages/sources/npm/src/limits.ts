/** The index of one package. The largest of the public registry, with thousands of versions, are about 20 MB abridged and 100 MB full. */
export const PACKUMENT_BYTES_MAX = 128 * 1024 * 1024
/** One version's package.json. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024
/** Versions named in an error when the one asked for does not exist. */
export const NEAREST_VERSIONS_SHOWN = 5
