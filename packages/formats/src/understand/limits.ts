/** Files of one package whose headers are read; a model of 500 shards fits. */
export const HEADERS_MAX = 5000
/** Files named in an error or a warning. */
export const SHOWN_MAX = 10
/** Warnings about one package. */
export const WARNINGS_MAX = 100
/** A sentence of warning. */
export const WARNING_LENGTH_MAX = 1024
/** Weights take this much more in memory than in their files: buffers, alignment, and the graph itself. */
export const WEIGHTS_OVERHEAD = 1.1
/** Lengths of the context for which memory is stated, as far as the model reaches. */
export const CONTEXT_LENGTHS = [2048, 8192, 32_768, 131_072] as const
