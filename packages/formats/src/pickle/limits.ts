/** Opcodes of one file. A checkpoint of a large model has some 100,000; at 3.5 million a second this is a quarter of a minute. */
export const PICKLE_OPCODES_MAX = 50_000_000
/** Values on the stack, and open marks: Python's own pickler appends in batches of 1,000. */
export const PICKLE_STACK_MAX = 1_000_000
/** Memo entries: one for each object that is stored. They take about 100 bytes each here. */
export const PICKLE_MEMO_MAX = 2_000_000
/** Bytes of a text that are kept, because it may be a name. Longer ones are no names, and taken for unknown. */
export const PICKLE_TEXT_BYTES_MAX = 1024
/** Items of a tuple that are kept; the longest that anyone looks at has ten. */
export const PICKLE_TUPLE_ITEMS_MAX = 64
/** Pickles after one another in one file. */
export const PICKLE_CONCATENATED_MAX = 100_000
/** Findings that are kept of one file; the first is the one that a refusal names. */
export const PICKLE_FINDINGS_MAX = 100
/** The newest protocol there is. */
export const PICKLE_PROTOCOL_MAX = 5
/** Escapes are decoded in texts of this length at most: names are shorter. */
export const PICKLE_LINE_BYTES_MAX = 4096
