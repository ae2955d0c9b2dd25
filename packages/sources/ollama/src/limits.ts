/** A manifest: a dozen layers of 200 bytes each. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024
/** A model's config: its family and size, and a digest for each layer. */
export const CONFIG_BYTES_MAX = 1024 * 1024
/** A licence's text, read for its name: the longest known has 40 KiB. */
export const LICENCE_BYTES_MAX = 256 * 1024
/** Layers of a model. */
export const LAYERS_MAX = 1000
/** Tags named in an error when the one asked for does not exist. */
export const TAGS_SHOWN = 12
