/** Graphs inside graphs (`If`, `Loop`), and types inside types. */
export const ONNX_DEPTH_MAX = 64
/** Inputs and outputs of one model. */
export const ONNX_PORTS_MAX = 10_000
/** Dimensions of one tensor. */
export const ONNX_RANK_MAX = 1024
/** Characters of the name of an input or output. */
export const ONNX_NAME_LENGTH_MAX = 512
/** Operator sets, and entries of `metadata_props`: real models have five and twenty. */
export const ONNX_ENTRIES_MAX = 1000
