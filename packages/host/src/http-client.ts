import { Readable } from 'node:stream'
import { type Clock, type Log, SomaError } from '@soma/core'
import { type HttpFetch, type HttpReply, type HttpRequest, publicUrl, streamBody } from '@soma/spec'
import type { Dispatcher } from 'undici'
import { type Env, HttpAgents, type HttpTimeouts } from './http-agents.ts'
import { statusError, transportError } from './http-errors.ts'
import { netrcAuthorization } from './http-netrc.ts'
import { HTTP_BODY_BUFFER_BYTES, HTTP_CONNECT_MS_MAX, HTTP_HEADERS_MS_MAX, HTTP_IDLE_MS_MAX, HTTP_REDIRECTS_MAX } from './limits.ts'

export interface HttpFetchDeps {
  /** Proxies: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`, in either case; lower case wins. Credentials: `NETRC`, `HOME`. */
  readonly env: Env
  readonly log: Log
  readonly clock: Pick<Clock, 'now'>
  readonly userAgent: string
}

const defaultTimeouts: HttpTimeouts = { connectMs: HTTP_CONNECT_MS_MAX, headersMs: HTTP_HEADERS_MS_MAX, idleMs: HTTP_IDLE_MS_MAX }

/** The HTTP of sources. Nothing is imported or opened before the first request; disposing it breaks what is under way. */
export function createHttpFetch(deps: HttpFetchDeps, timeouts: HttpTimeouts = defaultTimeouts): HttpFetch & AsyncDisposable {
  const agents = new HttpAgents(deps.env, timeouts)
  const fetch: HttpFetch = async (url, request) => {
    let hop = firstHop(url, request)
    for (let redirects = 0; redirects <= HTTP_REDIRECTS_MAX; redirects++) {
      const reply = await send(hop, agents, deps)
      const location = redirectOf(reply, hop)
      if (location === undefined) return checked(reply, hop, deps.clock)
      reply[Symbol.dispose]()
      hop = nextHop(hop, location)
    }
    throw refused(hop.url, `redirects more than ${HTTP_REDIRECTS_MAX} times`)
  }
  return Object.assign(fetch, { [Symbol.asyncDispose]: () => agents[Symbol.asyncDispose]() })
}

/** One request of a chain of redirects. */
interface Hop extends HttpRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

function firstHop(text: string, request: HttpRequest): Hop {
  if (!URL.canParse(text)) throw new SomaError('source/invalid-reference', 'the address is not a URL; expected https://host/path')
  return hopTo(new URL(text), request, lowerCase(request.headers ?? {}))
}

/** Credentials move from the URL into a header, where redirects and errors cannot leak them. */
function hopTo(url: URL, request: HttpRequest, headers: Readonly<Record<string, string>>): Hop {
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new SomaError('source/invalid-reference', `cannot fetch ${url.protocol} addresses; expected http: or https:`)
  const { username, password } = url
  url.username = ''
  url.password = ''
  if (username === '' && password === '') return { ...request, url, headers }
  const credentials = Buffer.from(`${percentDecoded(username)}:${percentDecoded(password)}`).toString('base64')
  return { ...request, url, headers: { authorization: `Basic ${credentials}`, ...headers } }
}

/** The URL parser lets a stray `%` through, which `decodeURIComponent` refuses. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function send(hop: Hop, agents: HttpAgents, { env, log, userAgent }: HttpFetchDeps): Promise<HttpReply> {
  try {
    const agent = await agents.get(hop.connection)
    const authorization = hop.headers['authorization'] ?? (await netrcAuthorization(hop.url.hostname, env))
    const response = await agent.request({
      origin: hop.url.origin,
      path: hop.url.pathname + hop.url.search,
      method: hop.method ?? 'GET',
      body: hop.body === undefined ? null : toRequestBody(hop.body),
      // Identity: a download is stored and hashed as it is, and a range of compressed bytes is useless.
      headers: {
        'user-agent': userAgent,
        accept: '*/*',
        'accept-encoding': 'identity',
        ...hop.headers,
        ...(authorization !== undefined && { authorization }),
      },
      signal: hop.signal,
      highWaterMark: HTTP_BODY_BUFFER_BYTES,
    })
    log.debug('http request', { url: publicUrl(hop.url), status: response.statusCode })
    return toReply(response, hop)
  } catch (thrown) {
    throw transportError(thrown, hop)
  }
}

function toRequestBody(body: NonNullable<HttpRequest['body']>): Uint8Array | Readable {
  return body instanceof Uint8Array ? body : Readable.from(body, { objectMode: false })
}

function toReply({ statusCode, headers, body }: Dispatcher.ResponseData, hop: Hop): HttpReply {
  return {
    status: statusCode,
    url: hop.url.href,
    headers: lowerCase(headers),
    body: streamBody(body, (thrown) => transportError(thrown, hop)),
    [Symbol.dispose]: () => void body.destroy(),
  }
}

function checked(reply: HttpReply, hop: Hop, clock: Pick<Clock, 'now'>): HttpReply {
  const good = (reply.status >= 200 && reply.status < 300) || reply.status === 416 || hop.statuses?.includes(reply.status)
  if (good) return reply
  reply[Symbol.dispose]()
  throw statusError(hop.url, reply.status, reply.headers, clock.now())
}

/** Where to go on. A request that carries something is not repeated elsewhere by itself. */
function redirectOf(reply: HttpReply, { method = 'GET' }: HttpRequest): string | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined
  return [301, 302, 303, 307, 308].includes(reply.status) ? reply.headers['location'] : undefined
}

/** Follows a redirect. Another origin gets no credentials and no client certificate; a secure one never leads to an open one. */
function nextHop(hop: Hop, location: string): Hop {
  if (!URL.canParse(location, hop.url.href)) throw refused(hop.url, 'redirects to something that is not a URL')
  const url = new URL(location, hop.url)
  if (url.protocol !== 'https:' && url.protocol !== hop.url.protocol)
    throw refused(hop.url, `redirects from ${hop.url.protocol} to ${url.protocol}`)
  if (url.origin === hop.url.origin) return hopTo(url, hop, hop.headers)
  const { authorization: _, cookie: __, ...headers } = hop.headers
  const { cert: ___, key: ____, ...connection } = hop.connection ?? {}
  const { method, statuses, signal } = hop
  const request = { signal, ...(method && { method }), ...(statuses && { statuses }), ...(hop.connection && { connection }) }
  return hopTo(url, request, headers)
}

function refused(url: URL, why: string): SomaError {
  const shown = publicUrl(url)
  return new SomaError('source/unavailable', `${shown} ${why}`, { details: { host: url.host, url: shown }, retryable: false })
}

function lowerCase(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const entries = Object.entries(headers).filter((entry): entry is [string, string | string[]] => entry[1] !== undefined)
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value]))
}
