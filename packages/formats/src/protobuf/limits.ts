/** Fields read of one file. The largest public ONNX graphs have 200,000 nodes of ten fields; this takes about two seconds. */
export const PROTOBUF_FIELDS_MAX = 10_000_000
/** Names, paths and other texts read of one file. */
export const PROTOBUF_TEXT_BYTES_MAX = 32 * 1024 * 1024
