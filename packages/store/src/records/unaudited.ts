/** How much of its quota each capability has used. */
export const QUOTA_KIND = 'quota'
/** What a model was seen to take, and when it was called. */
export const LEARNED_KIND = 'model-learned'

/** Kinds of records that are accounting, no authority: they change outside calls, and the audit log does not know what is in them. */
export const unauditedKinds: ReadonlySet<string> = new Set([QUOTA_KIND, LEARNED_KIND])
