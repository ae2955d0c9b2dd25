/** `config.json` and its like: the largest, with a vocabulary of labels, has 2 MB. */
export const CONFIG_BYTES_MAX = 8 * 1024 * 1024
/** `tokenizer.json` holds the vocabulary: 35 MB for the largest known. Above this it is not looked into. */
export const TOKENIZER_BYTES_MAX = 64 * 1024 * 1024
/** Chat templates; what a record may hold. The longest known has 30 kB. */
export const CHAT_TEMPLATE_LENGTH_MAX = 256 * 1024
/** Of a model card this much is looked at. */
export const CARD_BYTES_MAX = 256 * 1024
/** Of a model card's front matter, what is parsed: licence, tags, languages. The parser takes up to 20 ms for each KiB, when it is broken. */
export const FRONT_MATTER_BYTES_MAX = 6 * 1024
/** Characters of a card's summary. */
export const SUMMARY_LENGTH_MAX = 2000
/** Bytes of a licence's text that are compared: all of them say who they are at the top. */
export const LICENCE_BYTES_MAX = 8 * 1024
/** Tags, languages and tasks of one card. */
export const CARD_LIST_MAX = 200
/** Characters behind the front matter in which the first paragraph is looked for. */
export const PROSE_LENGTH_MAX = 16 * 1024
