import type { IncomingMessage, ServerResponse } from 'node:http'
import { type CallId, type Clock, type Log, type Rng, SomaError, assert, randomId, toSomaError } from '@soma/core'
import type { CallStream, Dispatcher, ForeignMoment, Translator } from '@soma/spec'
import { type BodyBudget, RequestBody } from './body.ts'
import { JSON_CONTENT_TYPE, mediaType } from './codec.ts'
import { allowOrigin, sendOptions } from './cors.ts'
import { errorReply, notFound } from './errors.ts'
import { type Gate, identify } from './gate.ts'
import { type HttpLimits, JSON_BYTES_MAX } from './limits.ts'
import { CALL_HEADER, type Reply, refuseEarly, sendReply } from './reply.ts'
import type { Endpoint, Match, RouteTable, Task } from './routes.ts'
import type { ServicePage } from './service.ts'
import { outputOf, sendStream } from './streams.ts'

/** What all requests of one face share. */
export interface ExchangeParts {
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  readonly gate: Gate
  readonly routes: RouteTable
  readonly translators: readonly Translator[]
  readonly pages: ReadonlyMap<string, ServicePage>
  readonly budget: BodyBudget
  readonly bodyBytesMax: number
  readonly limits: HttpLimits
  /** The face takes no new calls. */
  readonly isStopping: () => boolean
}

const pageMethods = ['GET', 'HEAD']
const nothing = new Uint8Array(0)

/** One request and its answer: admit, find, identify, read, dispatch, reply. */
export class Exchange {
  readonly request: IncomingMessage
  readonly #response: ServerResponse
  readonly #parts: ExchangeParts
  #controller: AbortController | undefined
  #body: RequestBody | undefined
  #callId: CallId | undefined
  /** Whose words errors are said in. */
  #translator: Translator | undefined
  /** The call's stream ends only when the client leaves: a drain need not wait for it. */
  endless = false

  constructor(parts: ExchangeParts, request: IncomingMessage, response: ServerResponse) {
    this.#parts = parts
    this.request = request
    this.#response = response
  }

  /** Never rejects: what goes wrong is the answer. */
  async serve(): Promise<void> {
    this.#translator = this.#parts.translators.find(({ base }) => this.request.url?.startsWith(base))
    try {
      const origin = this.#parts.gate.admit(this.request)
      if (origin !== undefined) allowOrigin(this.#response, origin)
      await this.#answer()
    } catch (error) {
      this.#refuse(error)
    }
  }

  abort(reason: SomaError): void {
    this.#controller?.abort(reason)
  }

  /** The answer is sent, or the client gone. */
  closed(): void {
    this.#body?.release()
    if (!this.#response.writableFinished) this.abort(new SomaError('call/cancelled', 'the client went away'))
  }

  #answer(): Promise<void> | void {
    const { url = '/', method = 'GET' } = this.request
    const mark = url.indexOf('?')
    const path = mark < 0 ? url : url.slice(0, mark)
    const page = this.#parts.pages.get(path)
    const found = page ? { allow: pageMethods } : this.#parts.routes.find(method, path)
    if ('route' in found) return this.#call(found, mark < 0 ? '' : url.slice(mark + 1))
    if (method === 'OPTIONS' && found.allow.length > 0) return sendOptions(this.request, this.#response, found.allow)
    if (page && pageMethods.includes(method)) return this.#page(page)
    if (found.allow.length > 0) this.#response.setHeader('allow', [...found.allow, 'OPTIONS'].join(', '))
    throw notFound(method, path, found.allow)
  }

  #page(page: ServicePage): void {
    if (!page.open) identify(this.request, this.#parts.dispatcher)
    sendReply(this.#response, page.reply(), this.#parts.limits.stallMsMax)
  }

  async #call(match: Match, query: string): Promise<void> {
    const { dispatcher, isStopping } = this.#parts
    this.#translator = match.route.translator
    if (isStopping()) throw new SomaError('daemon/stopping', 'the daemon is shutting down and takes no new calls')
    const caller = identify(this.request, dispatcher)
    const { call } = match.route
    // Nobody fills memory for a call that is refused whatever its input: the kernel says so, and why, without it.
    const task = dispatcher.mayCall(caller, call) ? await this.#open(match, query) : undefined
    this.#controller = new AbortController()
    if (this.#response.destroyed) return
    const dispatched = await dispatcher.dispatch(caller, call, task?.input ?? {}, {
      signal: this.#controller.signal,
      onCallId: (callId) => (this.#callId = callId),
    })
    assert(task, `the kernel ran ${call}, which it had said that the caller may not call`)
    return dispatched.kind === 'stream' ? await this.#stream(task, dispatched.stream) : this.#reply(task, dispatched.output)
  }

  async #open({ route, parameters }: Match, query: string): Promise<Task> {
    const { headers } = this.request
    const body = RequestBody.announced(this.request) ? await this.#read(route) : nothing
    const header = (name: string): string | undefined => headers[name]?.toString()
    return await route.open({ parameters, query, contentType: headers['content-type'], body, header })
  }

  #read(route: Endpoint): Promise<Uint8Array> {
    const { headers } = this.request
    if (route.method === 'GET' || route.method === 'DELETE')
      throw new SomaError('call/malformed', `${route.method} ${route.path} takes its input from the query, and no body`)
    const encoding = headers['content-encoding'] ?? 'identity'
    if (encoding !== 'identity')
      throw new SomaError('call/unsupported-media-type', `bodies are taken as they are, not "${encoding.slice(0, 40)}"`)
    const { budget, bodyBytesMax } = this.#parts
    const isJson = mediaType(headers['content-type']) === JSON_CONTENT_TYPE
    this.#body = new RequestBody(this.request, budget, isJson ? Math.min(bodyBytesMax, JSON_BYTES_MAX) : bodyBytesMax)
    const bytes = this.#body.read()
    // Only now, so that a client that asks first never sends what is refused.
    if (headers.expect !== undefined) this.#response.writeContinue()
    return bytes
  }

  #reply(task: Task, output: unknown): void {
    this.#send(task.reply(output, this.#moment()))
  }

  async #stream(task: Task, stream: CallStream<unknown, unknown>): Promise<void> {
    const { clock, limits } = this.#parts
    this.endless = task.endless
    const encoding = task.stream(this.#moment())
    if (!encoding) return this.#reply(task, await outputOf(stream))
    await sendStream(this.#response, stream, encoding, {
      clock,
      heartbeatMs: limits.heartbeatMs,
      stallMs: limits.stallMsMax,
      headers: { [CALL_HEADER]: this.#id() },
      openAtOnce: this.endless,
    })
  }

  #send({ headers = {}, ...reply }: Reply): void {
    if (this.#response.destroyed) return
    headers[CALL_HEADER] = this.#id()
    if (this.request.method === 'GET') headers['cache-control'] = 'no-store'
    if (this.#parts.isStopping()) headers['connection'] = 'close'
    sendReply(this.#response, { ...reply, headers }, this.#parts.limits.stallMsMax)
  }

  #refuse(thrown: unknown): void {
    const error = toSomaError(thrown)
    if (error.code === 'internal') this.#parts.log.error('a request failed', { call: this.#id(), error: thrown })
    if (this.#response.headersSent) return void this.#response.destroy()
    const { headers, ...reply } = errorReply(error, this.#translator, this.#moment())
    if (this.request.complete || !RequestBody.announced(this.request)) return this.#send({ ...reply, headers })
    refuseEarly(this.#response, { ...reply, headers: { ...headers, [CALL_HEADER]: this.#id() } }, this.#parts.clock)
  }

  #moment(): ForeignMoment {
    return { callId: this.#id(), now: this.#parts.clock.now() }
  }

  /** The call's id; of a request that never became a call, one of its own. */
  #id(): CallId {
    this.#callId ??= randomId(this.#parts.rng, 'call') as CallId
    return this.#callId
  }
}
