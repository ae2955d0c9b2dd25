/** Bytes of the header, as the reference implementation has it. */
export const SAFETENSORS_HEADER_BYTES_MAX = 100_000_000
/** Tensors of one file or one index: the largest models, of a trillion parameters, have 140,000 over all their files. */
export const SAFETENSORS_TENSORS_MAX = 200_000
/** Dimensions of one tensor: what PyTorch takes. */
export const SAFETENSORS_RANK_MAX = 64
/** Bytes of an index of shards: 140,000 tensors take 14 MB. */
export const SAFETENSORS_INDEX_BYTES_MAX = 100_000_000
/** Entries of `__metadata__`; training programs write a hundred. */
export const SAFETENSORS_ENTRIES_MAX = 65_536
