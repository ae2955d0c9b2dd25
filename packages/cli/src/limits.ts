/** Limits of this package: unit in the name, reason beside it. */

/** JSON given to `soma call`, on the command line or through standard input. Tensors go as attachments. */
export const JSON_INPUT_BYTES_MAX = 64 * 1024 * 1024
/** The header of a .npy file; NumPy itself refuses more than 10,000 bytes by default. */
export const NPY_HEADER_BYTES_MAX = 64 * 1024
/** A daemon that starts is ready in half a second; on a busy machine with a large log to check, in several. */
export const READY_MS_MAX = 60_000
/** How long `soma stop` waits: running calls get ten seconds to finish, engines some more to end. */
export const STOP_MS_MAX = 30_000
/** Between two looks at whether a daemon has come up or gone. */
export const POLL_MS = 50
/** Completion must not make the shell feel stuck. */
export const COMPLETION_MS_MAX = 700
/** Candidates offered to the shell. */
export const CANDIDATES_MAX = 500
/** Redrawing a progress display more often than the eye can follow costs terminal time. */
export const REDRAW_MS = 100
/** Where output is not a terminal, progress is a line now and then. */
export const PROGRESS_LINE_MS = 1000
/** Files shown at once by a progress display; the rest is in the total. */
export const PROGRESS_FILES_MAX = 8
/** Transfer rates are averaged over this long. */
export const RATE_WINDOW_MS = 3000
/** Elements of a tensor shown in a summary. */
export const TENSOR_PREVIEW_MAX = 6
/** Lines of the log shown when the daemon does not come up. */
export const LOG_TAIL_LINES = 20
/** How much of the log's end is read for them. */
export const LOG_TAIL_BYTES = 64 * 1024
/** The public half of a key; a hybrid one is 3 kB. */
export const PEM_BYTES_MAX = 64 * 1024
/** A file that goes with what is said to a model: a long text, or a large photograph. */
export const ATTACHMENT_BYTES_MAX = 64 * 1024 * 1024
