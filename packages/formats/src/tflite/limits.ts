/** Graphs of one model: the main one, and bodies of loops and branches. */
export const TFLITE_SUBGRAPHS_MAX = 1000
/** Tensors of one model. */
export const TFLITE_TENSORS_MAX = 200_000
/** Inputs or outputs of the model. */
export const TFLITE_PORTS_MAX = 10_000
/** Dimensions of one tensor. */
export const TFLITE_RANK_MAX = 64
/** Bytes of a name. */
export const TFLITE_NAME_BYTES_MAX = 512
/** Fields of one table that can be read: those that are have numbers up to 7. */
export const FLAT_FIELDS_MAX = 16
