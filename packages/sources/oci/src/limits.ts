/** A manifest or index: what the distribution specification asks every registry to take. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024
/** A model's config blob: names and a digest for each layer. */
export const CONFIG_BYTES_MAX = 1024 * 1024
/** The hashes of all chunks: 64 bytes for each, 100,000 of them. */
export const CHUNKS_BYTES_MAX = 8 * 1024 * 1024
/** A token service's answer. */
export const TOKEN_BYTES_MAX = 256 * 1024
/** A page of tags. */
export const TAGS_BYTES_MAX = 1024 * 1024
/** Tags asked for, to name those that are like the one that is not there. */
export const TAGS_ASKED = 1000
/** Tags named in an error. */
export const TAGS_SHOWN = 8
/** A `config.json` or `auth.json`: a few hosts and their credentials. */
export const AUTH_FILE_BYTES_MAX = 1024 * 1024
/** Authorizations remembered, one for each repository and what is done there. */
export const AUTHORIZATIONS_MAX = 256
/** Uploads that broke and can go on, remembered while the source lives. */
export const UPLOADS_MAX = 64
/** Characters of a reference: host, repository (255), tag (128) and digest with room to spare. */
export const REFERENCE_LENGTH_MAX = 1024
/** Indexes inside indexes. */
export const INDEX_DEPTH_MAX = 3
/** Manifests of one index. */
export const INDEX_ENTRIES_MAX = 1000
/** Blobs up to this are sent in one request; a break costs little. */
export const WHOLE_UPLOAD_BYTES_MAX = 8 * 1024 * 1024
/** Bytes of one PATCH. Large, because registries in front of object stores buffer each piece; a break inside is resumed anyway. */
export const PIECE_BYTES = 1024 * 1024 * 1024
/** A WWW-Authenticate header: real ones have some hundred characters. */
export const CHALLENGE_LENGTH_MAX = 4096
/** How long a token lasts that does not say so: what the token specification sets. */
export const TOKEN_DEFAULT_MS = 60_000
/** So long before its end a token is replaced: clocks differ, and requests wait in queues. */
export const TOKEN_MARGIN_MS = 10_000
