/** Limits that more than one package shares. Each package keeps its own in its `limits.ts`. */

/** A frame's JSON header. 16 MiB holds a signature of 100,000 tensors; more is an attack or a bug. */
export const FRAME_HEADER_BYTES_MAX = 16 * 1024 * 1024
/** All attachments of one frame: one float32 image batch of 64 × 3 × 1024 × 1024 fits, with a third to spare. */
export const FRAME_BODY_BYTES_MAX = 1024 * 1024 * 1024
/** Nesting of any JSON or YAML that comes from outside. `JSON.parse` itself does not limit it. */
export const JSON_DEPTH_MAX = 64
/** Names of models, files and references, in UTF-16 units: the longest path part Linux takes, twice. */
export const NAME_LENGTH_MAX = 512
