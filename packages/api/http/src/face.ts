import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Clock, type Log, type Rng, SomaError, randomId } from '@soma/core'
import { type CallDefinition, type Dispatcher, type Translator, callTable } from '@soma/spec'
import { BodyBudget } from './body.ts'
import { CallRoute } from './call-route.ts'
import { connectionError, rawAnswer } from './errors.ts'
import { Exchange, type ExchangeParts } from './exchange.ts'
import { Gate, type GateOptions } from './gate.ts'
import { ABORT_GRACE_MS, HEADERS_MAX, HEADER_BYTES_MAX, type HttpLimits, httpLimits } from './limits.ts'
import { RouteTable } from './routes.ts'
import { type ServiceDeps, servicePages } from './service.ts'
import { translatedRoutes } from './translated-route.ts'

export interface HttpFaceDeps extends ServiceDeps {
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
}

export interface HttpFaceOptions extends GateOptions {
  /** 0 takes a free one. */
  readonly port: number
  readonly bodyBytesMax: number
  readonly connectionsMax: number
  readonly table?: Readonly<Record<string, CallDefinition>>
  /** Other systems' APIs to speak beside our own, which goes first. */
  readonly translators?: readonly Translator[]
  readonly limits?: Partial<HttpLimits>
}

export interface HttpFace {
  /**
   * Binds and serves.
   * @returns the address as a URL, e.g. `http://127.0.0.1:7662`.
   * @throws {SomaError} `config/invalid` when the address cannot be bound.
   */
  start(): Promise<{ readonly address: string }>
  /** Takes no new calls, lets running ones finish for `drainMs`, aborts the rest, closes. */
  stop(options: { readonly drainMs: number }): Promise<void>
  /** Node's request listener: for a server of one's own, with TLS for example. */
  handle(request: IncomingMessage, response: ServerResponse): void
}

/** The HTTP face: every call of the table as a route, and nothing of its own but probes, metrics and `/openapi.json`. */
export function createHttpFace(deps: HttpFaceDeps, options: HttpFaceOptions): HttpFace {
  return new NodeHttpFace(deps, options)
}

class NodeHttpFace implements HttpFace {
  readonly #options: HttpFaceOptions
  readonly #parts: ExchangeParts
  readonly #server: Server
  readonly #active = new Set<Exchange>()
  #stopping = false
  #whenIdle: (() => void) | undefined

  constructor(deps: HttpFaceDeps, options: HttpFaceOptions) {
    const limits = { ...httpLimits, ...options.limits }
    const { table = callTable, translators = [] } = options
    const readiness = () => (this.#stopping ? { ready: false, reason: 'the daemon is shutting down' } : deps.readiness())
    this.#options = options
    this.#parts = {
      ...deps,
      limits,
      bodyBytesMax: options.bodyBytesMax,
      gate: new Gate(options),
      routes: new RouteTable([...Object.values(table).map((definition) => new CallRoute(definition)), ...translatedRoutes(translators)]),
      translators,
      pages: servicePages(table, { ...deps, readiness }),
      budget: new BodyBudget(limits.bodiesBytesMax),
      isStopping: () => this.#stopping,
    }
    this.#server = this.#createServer(limits)
  }

  async start(): Promise<{ readonly address: string }> {
    const { host, port, connectionsMax: backlog } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', (cause) => reject(cannotBind(cause, host, port)))
    this.#server.listen({ host, port, backlog }, resolve)
    await promise
    this.#server.on('error', (error) => this.#parts.log.error('the HTTP server failed', { error }))
    const bound = this.#server.address() as AddressInfo
    return { address: `http://${bound.family === 'IPv6' ? `[${bound.address}]` : bound.address}:${bound.port}` }
  }

  async stop({ drainMs }: { readonly drainMs: number }): Promise<void> {
    this.#stopping = true
    const { promise: closed, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    this.#abort(({ endless }) => endless)
    await this.#idle(drainMs)
    this.#abort(() => true)
    await this.#idle(ABORT_GRACE_MS)
    this.#server.closeAllConnections()
    await closed
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    const exchange = new Exchange(this.#parts, request, response)
    this.#active.add(exchange)
    response.on('close', () => {
      exchange.closed()
      this.#active.delete(exchange)
      if (this.#active.size === 0) this.#whenIdle?.()
    })
    void exchange.serve()
  }

  #createServer(limits: HttpLimits): Server {
    const server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: limits.headersMsMax,
      requestTimeout: limits.requestMsMax,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: limits.checkEveryMs,
      // The gate refuses a missing Host itself, with a problem document.
      requireHostHeader: false,
      noDelay: true,
    })
    server.maxHeadersCount = HEADERS_MAX
    server.maxConnections = this.#options.connectionsMax
    server.on('request', this.handle)
    server.on('checkContinue', this.handle)
    server.on('clientError', (error, socket) => this.#connectionFailed(error, socket as Socket))
    return server
  }

  /** What came is no request, or came too slowly. An answer under way on the same connection must not be mixed up with ours. */
  #connectionFailed(error: Error, socket: Socket): void {
    const busy = [...this.#active].some(({ request }) => request.socket === socket)
    if (busy || !socket.writable) return void socket.destroy()
    socket.end(rawAnswer(connectionError(error), randomId(this.#parts.rng, 'call')), () => socket.destroy())
  }

  #abort(which: (exchange: Exchange) => boolean): void {
    const stopping = new SomaError('daemon/stopping', 'the daemon stopped before the call was done')
    for (const exchange of [...this.#active].filter(which)) exchange.abort(stopping)
  }

  /** Resolves when no request is being served, or after `timeoutMs`. */
  async #idle(timeoutMs: number): Promise<void> {
    if (this.#active.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timer = this.#parts.clock.schedule(timeoutMs, resolve)
    this.#whenIdle = resolve
    await promise
  }
}

function cannotBind(cause: Error & { readonly code?: string }, host: string, port: number): SomaError {
  const why = cause.code === 'EADDRINUSE' ? 'another program uses it; choose another with --port or http.port' : cause.message
  return new SomaError('config/invalid', `cannot serve HTTP on ${host}:${port}: ${why}`, { cause, details: { host, port } })
}
