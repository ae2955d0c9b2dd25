/** Graphs of one SavedModel: one for each set of tags. */
export const META_GRAPHS_MAX = 16
/** Signatures of one graph. */
export const SIGNATURES_MAX = 1000
/** Inputs or outputs of one signature. */
export const PORTS_MAX = 10_000
/** Dimensions of one tensor: TensorFlow's own limit is 254. */
export const RANK_MAX = 254
/** Bytes of a name. */
export const NAME_LENGTH_MAX = 512
