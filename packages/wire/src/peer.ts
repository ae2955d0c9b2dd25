import type { SomaError } from '@soma/core'
import type { CallOptions, CallStream } from '@soma/spec'

/**
 * One end of a connection that carries many calls at once, in both directions. SMI and IPC are both this; `message.ts` has
 * the protocol. Disposing takes no new calls, waits for those under way, then closes; who cannot wait destroys the stream.
 */
export interface Peer extends AsyncDisposable {
  /** @throws {SomaError} what the other side answered; `engine/crashed`-like codes are the caller's to give: a lost connection is `lost`. */
  call(method: string, input: unknown, options?: CallOptions): Promise<unknown>
  stream(method: string, input: unknown, options?: CallOptions): CallStream<unknown, unknown>
  /** Cancels all calls of this end that are under way; they fail with `reason`. */
  cancelAll(reason: SomaError): void
  /** Resolves once the connection is over: with the reason, or undefined after an orderly close. */
  readonly closed: Promise<SomaError | undefined>
  /** Calls of either direction under way. */
  readonly active: number
}

/** How a peer answers. Returning an async generator streams its events and then its return value. */
export type Answer = (
  method: string,
  input: unknown,
  ctx: { readonly signal: AbortSignal; /** What the call's message took on the wire. */ readonly sizeBytes: number },
) => Promise<unknown> | AsyncGenerator<unknown, unknown, void>

export interface PeerOptions {
  /** Absent: this end only asks. */
  readonly answer?: Answer
  /** Calls from the other side at once; more are refused with `resource/exhausted`. */
  readonly concurrencyMax: number
  /** Events in flight per stream before the sender waits for the reader. */
  readonly streamWindow: number
  /** Asked for each answer: whether the bytes of the call and of the answer are overwritten once the answer is written. */
  readonly scrubs?: () => boolean
  /** The error that calls under way get when the connection is lost. */
  readonly lost: (reason: unknown) => SomaError
}
