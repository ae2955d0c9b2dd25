/** One project's page. Those of nightly builds with thousands of files have about 20 MB. */
export const PAGE_BYTES_MAX = 64 * 1024 * 1024
/** A wheel's METADATA, which holds its whole README. */
export const METADATA_BYTES_MAX = 4 * 1024 * 1024
/** A pip.conf: a few settings. */
export const CONFIG_BYTES_MAX = 256 * 1024
/** Indexes asked for one project. */
export const INDEXES_MAX = 16
/** Versions named in an error when the one asked for does not exist. */
export const NEAREST_VERSIONS_SHOWN = 5
/** Older packages put the whole text of their licence into the field that names it. */
export const LICENCE_LENGTH_MAX = 64
