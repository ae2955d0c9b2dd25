import type { IncomingMessage } from 'node:http'
import { ANONYMOUS, SomaError } from '@soma/core'
import type { Caller, Dispatcher } from '@soma/spec'

export interface GateOptions {
  /** The bound address. */
  readonly host: string
  /** Host header values answered to besides loopback names and the bound address; with or without port. */
  readonly allowedHosts: readonly string[]
  /** Browser origins that may call, e.g. `http://localhost:3000`. */
  readonly allowedOrigins: readonly string[]
}

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

/** Who may come in: by Host and Origin against pages of other sites, by token or address for who calls. */
export class Gate {
  readonly #hosts: ReadonlySet<string>
  readonly #origins: ReadonlySet<string>

  constructor({ host, allowedHosts, allowedOrigins }: GateOptions) {
    const bound = host.includes(':') ? `[${host}]` : host
    this.#hosts = new Set([...loopbackNames, bound, ...allowedHosts].map((name) => name.toLowerCase()))
    this.#origins = new Set(allowedOrigins.map((origin) => origin.toLowerCase()))
  }

  /**
   * Refuses requests whose Host is not ours (a page that rebinds its DNS name to this machine still sends its own) and
   * those that a page of another origin makes.
   * @returns the origin to answer with CORS headers, if any.
   * @throws {SomaError} `call/host-refused`
   */
  admit(request: IncomingMessage): string | undefined {
    const { host = '', origin } = request.headers
    if (!this.#knows(host.toLowerCase(), request))
      throw new SomaError('call/host-refused', `this daemon does not answer to the host "${host.slice(0, 100)}"; see http.allowedHosts`, {
        details: { header: 'host' },
      })
    if (origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`) return undefined
    if (this.#origins.has(origin.toLowerCase())) return origin
    throw new SomaError('call/host-refused', `pages of "${origin.slice(0, 100)}" may not call this daemon; see http.allowedOrigins`, {
      details: { header: 'origin' },
    })
  }

  #knows(host: string, request: IncomingMessage): boolean {
    const colon = host.lastIndexOf(':')
    const name = colon > host.lastIndexOf(']') ? host.slice(0, colon) : host
    if (this.#hosts.has(name) || this.#hosts.has(host)) return true
    // Bound to all addresses: the one this connection came in by. Names cannot be equal to an address.
    const local = request.socket.localAddress?.replace(/^::ffff:/, '')
    return local !== undefined && name === (local.includes(':') ? `[${local}]` : local)
  }
}

/**
 * Who makes a request: the principal of its bearer token, or `anonymous` when it comes from this machine.
 * @throws {SomaError} `capability/unauthenticated`
 */
export function identify(request: IncomingMessage, dispatcher: Pick<Dispatcher, 'authenticate'>): Caller {
  const { authorization } = request.headers
  if (authorization !== undefined) return { principal: dispatcher.authenticate(bearerToken(authorization)), face: 'http' }
  if (!isLocal(request))
    throw new SomaError('capability/unauthenticated', 'calls from other machines need a bearer token; make one with `soma token create`')
  return { principal: ANONYMOUS, face: 'http' }
}

function bearerToken(authorization: string): string {
  const [, token] = /^bearer +([\w.~+/=-]+)$/i.exec(authorization) ?? []
  if (token !== undefined) return token
  throw new SomaError('capability/unauthenticated', 'the Authorization header is not `Bearer <token>`')
}

/** A proxy on this machine speaks for others: its clients are not local. */
function isLocal({ socket, headers }: IncomingMessage): boolean {
  const address = socket.remoteAddress?.replace(/^::ffff:/, '') ?? ''
  const proxied = headers['forwarded'] !== undefined || headers['x-forwarded-for'] !== undefined
  return !proxied && (address === '::1' || address.startsWith('127.'))
}
