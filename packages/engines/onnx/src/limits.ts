/** Node, the library and its arenas before any weights: 52 MB measured, and room for a small model's activations. */
export const PROCESS_BYTES = 96 * 1024 * 1024
/** Weights in memory per byte on disk: 1.0 for the data, and a quarter for the copies that matrix products are packed into. */
export const WEIGHT_FACTOR = 1.25
/** Inputs of one batch together: copying them takes 10 ms then, a share of what computing them does. */
export const BATCH_BYTES_MAX = 64 * 1024 * 1024
/** Examples that are run at once where nothing else is set: beyond, activations grow and the gain does not. */
export const BATCH_MAX = 32
export const BATCH_SETTING_MAX = 1024
export const BATCH_WINDOW_MS_MAX = 1000
/** Free dimensions and settings by input name: a model has a handful of inputs. */
export const NAMED_SETTINGS_MAX = 1024
/**
 * Weights below which one thread is enough: such a model is done before a second one has woken up. Silero voice activity (2.3 MB)
 * took 0.8 to 1.4 ms a call with two threads and 0.2 ms with one.
 */
export const ONE_THREAD_BYTES_MAX = 4 * 1024 * 1024
