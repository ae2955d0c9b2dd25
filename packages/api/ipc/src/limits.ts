import { FRAME_BODY_BYTES_MAX } from '@soma/core'

/** What one IPC face allows. The defaults are the constants below; tests lower them. */
export interface IpcLimits {
  readonly connectionsMax: number
  readonly callsPerConnectionMax: number
  readonly silentMsMax: number
  readonly heldBytesMax: number
  readonly unreadBytesMax: number
}

/** Open connections: one per running client of this user. Each costs about 20 KiB. */
export const CONNECTIONS_MAX = 1024
/** Calls of one connection under way at once: above what the models' queues take, so that those decide. */
export const CALLS_PER_CONNECTION_MAX = 1024
/** A connection that has never said anything is closed after this long; one that has may be silent as long as it likes. */
export const SILENT_MS_MAX = 10_000
/** Frames of all clients together that are still coming, and inputs of all calls under way: each one of the largest size, and a quarter. */
export const HELD_BYTES_MAX = 1.25 * FRAME_BODY_BYTES_MAX
/** Answers that a client has not read: beyond, nothing more is read of it until it does. */
export const UNREAD_BYTES_MAX = 64 * 1024 * 1024
/** Events of one stream on their way to the client; the client's own window is what counts. */
export const STREAM_WINDOW = 64
/** How long a probe waits for whoever may be listening on a socket that is already there. */
export const PROBE_MS_MAX = 1000
/** Time for calls to answer after they were aborted at the end of a drain. */
export const ABORT_GRACE_MS = 500
/** Longest path that the system takes for a socket, in bytes without the closing zero (Linux; others take fewer and say so). */
export const SOCKET_PATH_BYTES_MAX = 107

export const ipcLimits: IpcLimits = {
  connectionsMax: CONNECTIONS_MAX,
  callsPerConnectionMax: CALLS_PER_CONNECTION_MAX,
  silentMsMax: SILENT_MS_MAX,
  heldBytesMax: HELD_BYTES_MAX,
  unreadBytesMax: UNREAD_BYTES_MAX,
}
