/** `model.json` holds a graph and no weights; the largest ones have a few MB. */
export const MODEL_JSON_BYTES_MAX = 64 * 1024 * 1024
/** WebAssembly addresses 4 GB, in which a model's weights and its tensors must fit. */
export const WEIGHT_BYTES_MAX = 2 * 1024 * 1024 * 1024
/** Shards of 4 MB each is what the converter writes. */
export const SHARDS_MAX = 10_000
/** Calls that wait for the one under way: each holds its inputs. */
export const WAITING_CALLS_MAX = 64
/** For the estimate, as measured: the process with its library; what a loaded model takes for a byte of its weights. */
export const TFJS_PROCESS_BYTES = 145e6
export const TFJS_WEIGHT_FACTOR = 3
export const TFLITE_PROCESS_BYTES = 175e6
export const TFLITE_WEIGHT_FACTOR = 3
