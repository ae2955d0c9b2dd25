/** Tensors of one file: the largest mixtures of experts, unmerged, have some 50,000. */
export const GGUF_TENSORS_MAX = 200_000
/** Metadata entries of one file; real ones have thirty to a hundred. */
export const GGUF_ENTRIES_MAX = 65_536
/** Bytes of a metadata key, by the specification. */
export const GGUF_KEY_BYTES_MAX = 65_535
/** Bytes of a tensor's name. The specification says 64; some programs are built with 128. */
export const GGUF_TENSOR_NAME_BYTES_MAX = 256
/** Dimensions of one tensor. The specification says 4 for now. */
export const GGUF_RANK_MAX = 8
/** Largest alignment of the tensors: a huge page is 2 MiB. */
export const GGUF_ALIGNMENT_MAX = 2 * 1024 * 1024
/** Arrays inside arrays; no known file has one at all. */
export const GGUF_DEPTH_MAX = 4
/** Arrays inside arrays of one file. */
export const GGUF_NESTED_ARRAYS_MAX = 65_536
/** Texts in arrays, which are walked one by one: vocabularies have up to 300,000, merges twice that. This takes a second. */
export const GGUF_TEXTS_MAX = 16 * 1024 * 1024
/** Values of an array of texts that are kept: enough to recognise it. */
export const GGUF_TEXTS_KEPT_MAX = 64
/** Values of an array of numbers that are kept: heads and widths by layer are needed whole, and the deepest model has 126. */
export const GGUF_NUMBERS_KEPT_MAX = 1024
/** Array values kept of one file. */
export const GGUF_VALUES_KEPT_MAX = 100_000
/** A text longer than this is counted and not kept: a whole tokenizer as JSON, say. Chat templates reach 30 KiB. */
export const GGUF_TEXT_KEPT_BYTES_MAX = 1024 * 1024
/** Text kept of one file. */
export const GGUF_TEXT_BYTES_MAX = 32 * 1024 * 1024
/** Layers of a model, as far as its memory is computed. */
export const GGUF_BLOCKS_MAX = 10_000
