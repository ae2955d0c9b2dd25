/** Bytes of the header, as the reference implementation has it. */
export const SAFETENSORS_HEADER_BYTES_MAX = 100_000_000
/** Tensors of one file; the largest known has 50,000. */
export const SAFETENSORS_TENSORS_MAX = 500_000
/** Dimensions of one tensor: what PyTorch takes. */
export const SAFETENSORS_RANK_MAX = 64
/** Bytes of an index of shards: 140,000 tensors take 14 MB. */
export const SAFETENSORS_INDEX_BYTES_MAX = 100_000_000
