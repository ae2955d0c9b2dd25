import { type Clock, type Log, isSomaError } from '@soma/core'
import { type HttpFetch, type HttpReply, type HttpRequest, publicUrl } from '@soma/spec'
import { HTTP_DOWN_MS } from './limits.ts'

export interface MirrorDeps {
  readonly fetch: HttpFetch
  readonly clock: Pick<Clock, 'monotonic'>
  readonly log: Log
}

/**
 * Goes to mirrors when a server does not answer: those for the longest beginning of the address, in their order. A server that did
 * not answer is asked last for a minute. Only what reads goes elsewhere, and no credentials do: a mirror of another origin gets the
 * address without secrets and the headers that say which bytes are wanted.
 * @param mirrors `<address>=<address of the mirror>`, asked for with each request.
 */
export function createMirroredFetch(deps: MirrorDeps, mirrors: () => readonly string[]): HttpFetch {
  const downUntil = new Map<string, number>()
  const isDown = ({ server }: Place): boolean => (downUntil.get(server) ?? 0) > deps.clock.monotonic()
  return async (url, request) => {
    const own: Place = { url, request, server: originOf(url), isMirror: false }
    const places = [own, ...mirrorsOf(url, request, mirrors())]
    if (places.length === 1) return deps.fetch(url, request)
    const failures = new Map<Place, unknown>()
    for (const place of places.toSorted((a, b) => Number(isDown(a)) - Number(isDown(b)))) {
      try {
        return served(await deps.fetch(place.url, place.request), place, deps.log)
      } catch (error) {
        if (!mayGoOn(error, place)) throw error
        failures.set(place, error)
        if (isUnreachable(error)) downUntil.set(place.server, deps.clock.monotonic() + HTTP_DOWN_MS)
      }
    }
    // What the server itself said is what there is to know.
    throw failures.get(own)
  }
}

/** Where the bytes may be had. */
interface Place {
  readonly url: string
  readonly request: HttpRequest
  readonly server: string
  readonly isMirror: boolean
}

function mirrorsOf(text: string, request: HttpRequest, mirrors: readonly string[]): Place[] {
  const { method = 'GET' } = request
  if ((method !== 'GET' && method !== 'HEAD') || !URL.canParse(text)) return []
  const url = new URL(text)
  url.username = ''
  url.password = ''
  const fitting = mirrors.map(parseMirror).filter(({ from }) => startsWith(url.href, from))
  const longest = Math.max(...fitting.map(({ from }) => from.length))
  return fitting
    .filter(({ from }) => from.length === longest)
    .map(({ from, to }) => mirrorOf(url, to + url.href.slice(from.length), request))
}

/** Both without a slash at the end; the first sign of equality behind the first address divides them. */
function parseMirror(text: string): { readonly from: string; readonly to: string } {
  const at = text.indexOf('=')
  const [from, to] = [text.slice(0, at), text.slice(at + 1)].map((address) => address.replace(/\/+$/, ''))
  return { from: from ?? '', to: to ?? '' }
}

function startsWith(href: string, prefix: string): boolean {
  return href.startsWith(prefix) && ['/', '?', '#', undefined].includes(href[prefix.length])
}

function mirrorOf(original: URL, url: string, request: HttpRequest): Place {
  if (originOf(url) === original.origin) return { url, request, server: originOf(url), isMirror: true }
  const harmless = Object.entries(request.headers ?? {}).filter(([name]) => harmlessHeaders.has(name.toLowerCase()))
  const { cert: _, key: __, ...connection } = request.connection ?? {}
  const bare = { ...request, headers: Object.fromEntries(harmless), ...(request.connection && { connection }) }
  return { url: withoutSecrets(url), request: bare, server: originOf(url), isMirror: true }
}

const harmlessHeaders: ReadonlySet<string> = new Set(['accept', 'range', 'if-range', 'if-none-match', 'user-agent'])

/** The mirror's own user and password, which the user wrote into its address, stay. */
function withoutSecrets(text: string): string {
  const { username, password } = new URL(text)
  const url = new URL(publicUrl(text))
  url.username = username
  url.password = password
  return url.href
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : ''
}

/** A server that is there has the last word; a mirror may lack what it does not like to give. */
function mayGoOn(error: unknown, { isMirror, request }: Place): boolean {
  if (request.signal.aborted || !isSomaError(error)) return false
  return isMirror ? error.code.startsWith('source/') && error.code !== 'source/offline' : isUnreachable(error)
}

function isUnreachable(error: unknown): boolean {
  return isSomaError(error, 'source/unavailable') && error.retryable
}

function served(reply: HttpReply, { url, isMirror }: Place, log: Log): HttpReply {
  if (isMirror) log.info('served by a mirror', { url: publicUrl(url) })
  return reply
}
