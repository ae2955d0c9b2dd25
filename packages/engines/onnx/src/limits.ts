/** Node, the library and its arenas before any weights: 52 MB measured, and room for a small model's activations. */
export const PROCESS_BYTES = 96 * 1024 * 1024
/** Weights in memory per byte on disk: 1.0 for the data, and a quarter for the copies that matrix products are packed into. */
export const WEIGHT_FACTOR = 1.25
/** Free dimensions and settings by input name: a model has a handful of inputs. */
export const NAMED_SETTINGS_MAX = 1024
