import { type HttpFetch, type SourceDeps, authorizedFetch, readDocument } from '@soma/spec'
import { type AskedRepository, badAnswer, hubError } from './errors.ts'
import { PAGE_BYTES_MAX, REQUESTS_MAX } from './limits.ts'
import type { HubOptions } from './options.ts'

/** HTTP as the hub wants it: the token for its own origin only, and its refusals understood. */
export function createHubFetch(fetch: HttpFetch, options: HubOptions, repository: string): HttpFetch {
  const { endpoint, token } = options
  const asked: AskedRepository = { repository, endpoint, authenticated: token !== undefined }
  const authorized = authorizedFetch(fetch, { address: endpoint, authorization: token === undefined ? undefined : `Bearer ${token}` })
  return async (url, request) => {
    const reply = await authorized(url, { ...request, statuses: [401, 403, 404] })
    if (reply.status < 400 || reply.status === 416) return reply
    reply[Symbol.dispose]()
    throw hubError(reply, asked)
  }
}

/** The same as the Fetch API, which is what the client library takes. The pages that a mirror links to at the hub are taken from the mirror. */
export function asWebFetch(fetch: HttpFetch, signal: AbortSignal, endpoint: string): typeof globalThis.fetch {
  let requests = 0
  return async (input) => {
    if (++requests > REQUESTS_MAX) throw badAnswer(endpoint, `its answer in ${REQUESTS_MAX} pages`, undefined)
    const url = atEndpoint(input instanceof Request ? input.url : String(input), endpoint)
    const reply = await fetch(url, { headers: { accept: 'application/json' }, signal })
    const body = await readDocument(reply, PAGE_BYTES_MAX)
    return new Response(body as Uint8Array<ArrayBuffer>, { status: reply.status, headers: reply.headers })
  }
}

function atEndpoint(url: string, endpoint: string): string {
  const { origin, pathname, search } = new URL(url)
  return origin === new URL(endpoint).origin ? url : `${endpoint}${pathname}${search}`
}

/** What every request of one resolution shares. */
export interface HubQuery {
  readonly deps: SourceDeps
  readonly options: HubOptions
  readonly signal: AbortSignal
}
