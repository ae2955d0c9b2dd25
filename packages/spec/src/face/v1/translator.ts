import type { CallId, Problem } from '@soma/core'
import type { CallName } from '../../calls/table.ts'
import type { HttpMethod } from '../../calls/define-call.ts'

/**
 * Another system's HTTP API, spoken by Soma: its requests as calls of the table, and the calls' answers as its clients
 * know them. It has no logic of its own, and touches no connection: the HTTP face that hosts it reads bodies, knows who
 * calls, keeps the limits, dispatches, and writes.
 */
export interface Translator {
  readonly name: string
  /** The folder of paths that is all its own, as `/openai/`: whatever goes wrong there is said in its words. */
  readonly base: `/${string}/`
  /** Routes under its base, and others beside it that no call of the table has. */
  readonly routes: readonly ForeignRoute[]
  /** What a failed request answers. */
  error(problem: Problem, at: ForeignMoment): ForeignReply
}

export interface ForeignRoute {
  readonly method: HttpMethod
  /** `/openai/v1/models/{model}` */
  readonly path: string
  /** The call that it becomes. */
  readonly call: CallName
  /** @throws {SomaError} `call/invalid-input` and the like for what cannot be honoured, by name. */
  translate(request: ForeignRequest): ForeignCall | Promise<ForeignCall>
}

export interface ForeignRequest {
  /** Of the path, decoded. */
  readonly parameters: Readonly<Record<string, string>>
  /** Without `?`. */
  readonly query: string
  readonly contentType: string | undefined
  readonly body: Uint8Array
  /** A request header, by its lower-case name. */
  header(name: string): string | undefined
}

/** When an answer is made, and for which call. */
export interface ForeignMoment {
  readonly callId: CallId
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** One translated request. */
export interface ForeignCall {
  /** Of the route's call; the kernel checks it. */
  readonly input: unknown
  /** The answer to a client that wants it whole. @throws {SomaError} when the output is nothing the client could use. */
  reply(output: unknown, at: ForeignMoment): ForeignReply
  /** Present when the client wants it piece by piece. */
  stream?(at: ForeignMoment): ForeignStream
}

export interface ForeignReply {
  readonly status: number
  readonly contentType: string
  readonly body: string | readonly Uint8Array[]
  readonly headers?: Readonly<Record<string, string>>
}

/** How the parts of one stream are written. Each is asked for in its order, once. */
export interface ForeignStream {
  readonly contentType: string
  event(value: unknown): string
  output(value: unknown): string
  error(problem: Problem): string
  /** What keeps an idle stream open and says nothing. */
  readonly heartbeat: string
}
