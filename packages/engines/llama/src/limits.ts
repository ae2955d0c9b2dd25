/** Node and the library before any weights, 146 MB measured, and what reading a vocabulary leaves behind, 30 to 45 MB. */
export const PROCESS_BYTES = 176 * 1024 * 1024
/** Context of a generation where nobody says one: most conversations fit, and the caches of four stay affordable. */
export const CONTEXT_LENGTH_DEFAULT = 8192
/** Context for texts to embed or rank; they are computed in one step, whose scratch memory grows with the square of it. */
export const EMBED_CONTEXT_LENGTH_DEFAULT = 2048
/** Smallest context worth suggesting when memory is short. */
export const CONTEXT_LENGTH_MIN = 512
/** No context of a model known today is longer. */
export const CONTEXT_LENGTH_MAX = 16 * 1024 * 1024
export const SEQUENCES_DEFAULT = 4
/** llama.cpp's own limit. */
export const SEQUENCES_MAX = 64
/** Caches of a default load may take this much, or half as much as the weights where that is more. */
export const CACHE_BYTES_DEFAULT = 512 * 1024 * 1024
/**
 * Tokens of all sequences up to which llama.cpp is asked what a context takes. It makes its table of them to answer, a row of
 * `CELL_BYTES` each: 16 M tokens for 64 sequences took all 24 GB of a machine.
 */
export const ASKED_CELLS_MAX = 4 * 1024 * 1024
export const CELL_BYTES = 64
export const BATCH_SIZE_DEFAULT = 512
export const BATCH_SIZE_MAX = 16_384
export const LORA_MAX = 16
export const CHAT_TEMPLATE_LENGTH_MAX = 256 * 1024
/** A template writes 4,096 messages in some milliseconds; one that takes longer than this on the busiest machine does not end. */
export const TEMPLATE_MS_MAX = 5_000
/** Smaller loads that an estimate suggests. */
export const SMALLER_MAX = 6

/** A step of a prompt should take so long: a cancelled call then frees its sequence, and others get their turn. */
export const PROMPT_STEP_MS = 40
/**
 * Tokens of a prompt computed in one step at least: fewer would waste what reading the weights once is worth. Of a 350 M model
 * on one thread a token took 7.1 ms of CPU in steps of 128, 7.6 in steps of 32, 7.9 in steps of 16 and 10.7 in steps of 8: half
 * the wait of 32 is worth a twentieth of the speed, a quarter is not worth a third. Answering a cancelled call before its step
 * has ended would free nothing: whoever comes next waits for the same step.
 */
export const PROMPT_STEP_TOKENS_MIN = 16
/** Calls that wait for a sequence. The host sends no more than it is told; this is for hosts that do. */
export const WAITING_MAX = 1024

/** Tokens of one character at most, while its bytes are incomplete: UTF-8 has four bytes, and byte tokens one each. */
export const PARTIAL_TOKENS_MAX = 4
/** Tokens that penalties look back at. llama.cpp's own default. */
export const PENALTY_TOKENS = 64
/** Of a context that a prompt was cut to fit, the part that is left for an answer of unknown length. */
export const ANSWER_SHARE = 0.25

/**
 * Text beyond which it is tokenized in pieces of about this length, in UTF-16 units: the time that llama.cpp takes grows with the
 * square of the number of control tokens in it. 390 kB with 30,000 of them took 16 s in one piece.
 */
export const TOKENIZE_PIECE_LENGTH = 1024
/** Short pieces whose tokens are remembered while one text is tokenized. */
export const TOKENIZED_KEPT_MAX = 1024
export const TOKENIZED_KEPT_LENGTH_MAX = 64

/** Grammars kept compiled. */
export const GRAMMARS_KEPT_MAX = 32
/** Rules of a grammar as it is written: a schema of a thousand properties has two thousand. */
export const GRAMMAR_RULES_MAX = 8192
/** Brackets inside brackets of a grammar: llama.cpp's reader, which calls itself for each, overflows its stack at some ten thousand. */
export const GRAMMAR_NESTING_MAX = 512
/** Of a repetition, and of repetitions in one another multiplied. llama.cpp's own limit. */
export const GRAMMAR_REPEAT_MAX = 2000
/** Rules of a grammar written out, with one for each bracket and each optional copy of what is repeated. */
export const GRAMMAR_EXPANDED_RULES_MAX = 256 * 1024
/** Characters and names of rules of a grammar written out. llama.cpp keeps three copies of 8 bytes each for each answer. */
export const GRAMMAR_ELEMENTS_MAX = 1024 * 1024
/** Rules that begin with each other in a row: llama.cpp looks into them by calling itself, and so do we. */
export const GRAMMAR_LEFT_DEPTH_MAX = 2048
/** Rules looked into by llama.cpp, which looks again into what it knows: 60 rules of two equal alternatives are 2^60 looks. */
export const GRAMMAR_LEFT_STEPS_MAX = 20_000_000
/**
 * Stacks that llama.cpp holds after one text, beside one for each place of the grammar. It tries every token of the vocabulary
 * on each: 150,000 tokens on 1,000 stacks take about a second.
 */
export const GRAMMAR_STACKS_MAX = 1024
/** A list of so many words may begin with as many stacks; more than these make any step slow. */
export const GRAMMAR_PLACES_MAX = 64 * 1024
/** Characters of a token for which its readings are counted: tokens of words are shorter, those of one character repeated longer. */
export const GRAMMAR_TOKEN_LENGTH = 32
/** Ways to read one token. llama.cpp goes each of them, at about a microsecond: `([a-z]+ " "?)+` has a million for 20 letters. */
export const GRAMMAR_READINGS_MAX = 1024 * 1024
/** Stacks looked at to find a text with too many readings, some 20 ms of work. What hides deeper, the limit of a call ends. */
export const GRAMMAR_SEARCH_STEPS_MAX = 100_000
/** Where so many readings were found, most of all grammars have ten at most, it is worth to look longer: some 300 ms. */
export const GRAMMAR_READINGS_SUSPECT = 32
export const GRAMMAR_SUSPECT_STEPS_MAX = 2_000_000
/** Texts looked at in that search. */
export const GRAMMAR_SEARCH_TEXTS_MAX = 2000
export const SCHEMA_DEPTH_MAX = 64

/** Text inside one request for a function; longer ones are given back as text. */
export const TOOL_CALL_LENGTH_MAX = 1024 * 1024

/** The index of saved sessions. */
export const STATE_INDEX_BYTES_MAX = 256 * 1024
/** Of a model's file, what its identity is taken from: the header of any model, and a piece of its weights. */
export const IDENTITY_BYTES = 4 * 1024 * 1024
/** Lines that llama.cpp logged last, kept to explain a failed load. */
export const LOG_LINES_KEPT = 4

/** Between two looks at how busy the CPUs are: short beside a sentence, and long beside the 10 ms in which the system counts. */
export const THREAD_SAMPLE_MS = 200
/** A CPU of which so much is used by others counts as free: small things always run. */
export const THREAD_SPARE = 0.3
/** Weights below which one thread is enough: what threads lose by waiting for each other at every layer is more than they gain. */
export const ONE_THREAD_BYTES_MAX = 32 * 1024 * 1024
