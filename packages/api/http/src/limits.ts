import { FRAME_HEADER_BYTES_MAX } from '@soma/core'

/** What one HTTP face allows. The defaults are the constants below; tests lower them. */
export interface HttpLimits {
  readonly headersMsMax: number
  readonly requestMsMax: number
  readonly keepAliveMs: number
  readonly checkEveryMs: number
  readonly stallMsMax: number
  readonly heartbeatMs: number
  readonly bodiesBytesMax: number
}

/** Request line and headers. A bearer token and the usual browser headers take under 4 KiB. */
export const HEADER_BYTES_MAX = 16 * 1024
/** Header lines; Node's own limit of 2,000 would let one request cost more than the call it makes. */
export const HEADERS_MAX = 100
/** Time for a client to send its headers, and for a new connection to say anything at all. */
export const HEADERS_MS_MAX = 10_000
/** Time for a client to send a whole request: the largest body at 1 MB/s. */
export const REQUEST_MS_MAX = 300_000
/** How long an idle connection is kept for the next request: longer than the second that scripts pause, shorter than proxies keep theirs. */
export const KEEP_ALIVE_MS = 10_000
/** How often the limits above are enforced. Node's default of 30 s would let silent clients hold their slots four times as long. */
export const CHECK_EVERY_MS = 2000
/** A client that takes no byte of its answer for this long is gone, or means harm. */
export const STALL_MS_MAX = 60_000
/** Server-sent event streams say something this often, so that proxies keep them open and dead clients are noticed. */
export const HEARTBEAT_MS = 15_000
/** Request bodies in memory at once, of all calls together: two of the largest. Decoding copies them once more. */
export const BODIES_BYTES_MAX = 512 * 1024 * 1024
/** A body of JSON: what a frame's header may have, too. Parsing the worst of that size takes a second or two; tensors go as frames. */
export const JSON_BYTES_MAX = FRAME_HEADER_BYTES_MAX
/** Pieces of a body below this size are put together, so many at a time: a million one-byte chunks would take a hundred times their size. */
export const SMALL_PIECE_BYTES = 4 * 1024
export const SMALL_PIECES_MAX = 256
/** After refusing a body, how long its rest is read and dropped: closing at once would make the client lose the answer. */
export const LINGER_MS = 1000
/** A tensor's elements in a JSON answer: 16 Mi numbers are already 200 MB of text. Frames have no such limit. */
export const JSON_ELEMENTS_MAX = 16 * 1024 * 1024
/** Time for calls to answer after they were aborted at the end of a drain. */
export const ABORT_GRACE_MS = 500
/** Browsers may remember a preflight answer this long, in seconds. */
export const PREFLIGHT_SECONDS = 600

export const httpLimits: HttpLimits = {
  headersMsMax: HEADERS_MS_MAX,
  requestMsMax: REQUEST_MS_MAX,
  keepAliveMs: KEEP_ALIVE_MS,
  checkEveryMs: CHECK_EVERY_MS,
  stallMsMax: STALL_MS_MAX,
  heartbeatMs: HEARTBEAT_MS,
  bodiesBytesMax: BODIES_BYTES_MAX,
}
/** Answers of several parts that are together at most this large are written as one buffer. */
export const JOINED_BYTES_MAX = 64 * 1024
