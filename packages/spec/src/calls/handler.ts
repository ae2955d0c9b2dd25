import type { BlobDigest, CallId, Log, PrincipalId } from '@soma/core'
import type { Face, Right } from '../capability/v1/capability.ts'
import type { Priority } from '../capability/v1/priority.ts'
import type { CallEvent, CallInput, CallName, CallOutput, StreamingCallName, UnaryCallName, ValidInput } from './table.ts'
import type { SomaEvent } from './values.ts'

/** Who makes a call, and through which face. */
export interface Caller {
  readonly principal: PrincipalId
  readonly face: Face
}

/** What a handler may do besides returning its output. */
export interface CallContext {
  readonly callId: CallId
  readonly caller: Caller
  /** Aborted when the caller cancels or goes away, or the daemon stops. */
  readonly signal: AbortSignal
  readonly log: Log
  /** Whether the caller also holds `right` on `resource`: for lists that show only what the caller may see. */
  allows(resource: string, right: Right): boolean
  /** The most urgent that the capability by which this call was let in allows it to be; anything when absent. */
  readonly priorityMax?: Priority | undefined
  /** Effects of a call that `mutates`: committed together with its audit entry, or not at all. */
  readonly effects: Effects
}

/** Staged changes. Nothing happens before the handler has returned. */
export interface Effects {
  /** Writes a record; the blobs it lists are kept as long as it exists. */
  put(kind: string, key: string, value: unknown, options?: { readonly blobs?: readonly BlobDigest[] }): void
  delete(kind: string, key: string): void
  /** Sends an event when the call has been committed. */
  emit(event: Pick<SomaEvent, 'name' | 'resource' | 'data'>): void
  /**
   * Runs right before the commit, in the same turn, so that nothing can come between: a throw fails the call and nothing is written.
   * What depends on how things stand then may be staged here.
   */
  require(check: () => void): void
  /** Runs when the changes are durable, before the caller hears of it: to bring caches up to date. Must not throw. */
  committed(action: () => void): void
  /** Runs when the call is over, committed or not, after what `committed` runs: to let go of leases that its effects needed. Must not throw. */
  settled(action: () => void): void
}

/** How a unary call is carried out. */
export type UnaryHandler<Name extends UnaryCallName> = (
  input: ValidInput<Name>,
  ctx: CallContext,
) => Promise<CallOutput<Name>> | CallOutput<Name>
/** How a streaming call is carried out: yields its events, returns its output. */
export type StreamingHandler<Name extends StreamingCallName> = (
  input: ValidInput<Name>,
  ctx: CallContext,
) => AsyncGenerator<CallEvent<Name>, CallOutput<Name>, void>

export type Handler<Name extends CallName> = Name extends StreamingCallName
  ? StreamingHandler<Name>
  : Name extends UnaryCallName
    ? UnaryHandler<Name>
    : never

/** What a package contributes to the kernel: handlers for some calls. Every call has exactly one. */
export type Handlers = { readonly [Name in CallName]?: Handler<Name> }

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

/** A running streaming call: iterate its events, then await its output. Leaving the loop early cancels it. */
export interface CallStream<Event, Output> extends AsyncIterable<Event> {
  /** Resolves when the call is done; iterating is needed for it to go on. */
  readonly output: Promise<Output>
}

/** How a package calls another: through the kernel, as a principal, never directly. The SDK has the same shape. */
export interface Calls {
  call<Name extends UnaryCallName>(name: Name, input: CallInput<Name>, options?: CallOptions): Promise<CallOutput<Name>>
  stream<Name extends StreamingCallName>(
    name: Name,
    input: CallInput<Name>,
    options?: CallOptions,
  ): CallStream<CallEvent<Name>, CallOutput<Name>>
}

export interface DispatchOptions extends CallOptions {
  /** Told the call's id before any step can refuse it, so that faces can name it in every answer. */
  readonly onCallId?: ((callId: CallId) => void) | undefined
}

/** The kernel as faces see it. */
export interface Dispatcher {
  /**
   * Runs one call. Unary calls give their output; streaming ones a stream whose events must be read.
   * @throws {SomaError} anything the call, or the steps before it, may fail with.
   */
  dispatch(caller: Caller, name: string, input: unknown, options?: DispatchOptions): Promise<Dispatched>
  /** Whether the caller could make this call with any input at all: who could not is refused before a body is read. */
  mayCall(caller: Caller, name: string): boolean
  /** The principal behind a bearer token. @throws {SomaError} `capability/unauthenticated`. */
  authenticate(token: string): PrincipalId
}

/** The answer to a dispatched call. */
export type Dispatched =
  | { readonly kind: 'output'; readonly callId: CallId; readonly output: unknown }
  | { readonly kind: 'stream'; readonly callId: CallId; readonly stream: CallStream<unknown, unknown> }
