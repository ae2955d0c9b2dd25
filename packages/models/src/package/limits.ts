/** Nodes of one manifest: 256 KiB of YAML hold at most this many values, and walking them takes 20 ms. */
export const YAML_NODES_MAX = 100_000
/** Alternatives that the braces of one glob may expand to. */
export const GLOB_ALTERNATIVES_MAX = 64

/** Bytes read from a model file at once: more than any run of ONNX fields between two tensors, less than a tensor. */
export const ONNX_WINDOW_BYTES = 16 * 1024
/** Fields read of one ONNX file. The largest public graphs have 200,000 nodes of ten fields; this takes about two seconds. */
export const ONNX_FIELDS_MAX = 10_000_000
/** Graphs inside graphs (`If`, `Loop`), and types inside types. */
export const ONNX_DEPTH_MAX = 64
/** Names and paths collected from one ONNX file. */
export const ONNX_TEXT_BYTES_MAX = 32 * 1024 * 1024
/** Inputs and outputs of one model. */
export const ONNX_PORTS_MAX = 10_000
/** Dimensions of one tensor. */
export const ONNX_RANK_MAX = 1024

/** Largest file that is kept beside a model because it looks like configuration, vocabulary or licence: tokenizers reach 35 MiB. */
export const SUPPORT_FILE_BYTES_MAX = 64 * 1024 * 1024
/** Files named in an error message. */
export const CANDIDATES_SHOWN_MAX = 10
