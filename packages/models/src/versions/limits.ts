/** Second names of one model: lists show them all. */
export const ALIASES_PER_MODEL_MAX = 32
/** Sources asked at once whether something is newer: they are different servers as a rule. */
export const OUTDATED_PARALLEL = 8
/** A source that does not answer within this is named as not answering. */
export const OUTDATED_TIMEOUT_MS = 20_000
/** Models that share bytes with a model, named by `model.usage`; thousands may share one tokenizer. */
export const SHARED_WITH_MAX = 20
