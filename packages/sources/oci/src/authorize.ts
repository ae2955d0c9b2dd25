import { isSomaError, parseJson } from '@soma/core'
import { type HttpFetch, type HttpReply, type HttpRequest, type SourceDeps, readDocument } from '@soma/spec'
import { z } from 'zod'
import { type Challenge, parseChallenge } from './challenge.ts'
import { badDocument, unauthorized } from './errors.ts'
import { AUTHORIZATIONS_MAX, TOKEN_BYTES_MAX, TOKEN_DEFAULT_MS, TOKEN_MARGIN_MS } from './limits.ts'
import { type Credentials, loadCredentials, registryOrigin } from './options.ts'
import { BoundedMap } from './bounded-map.ts'

/** The repository that requests are about, and what is done there. */
export interface Scope {
  readonly host: string
  readonly repository: string
  readonly actions: 'pull' | 'pull,push'
}

const TokenReply = z.looseObject({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().nonnegative().optional().catch(undefined),
})

/** The Authorization header of a repository, and the challenge that it answers. */
interface Known {
  readonly authorization: string
  readonly challenge: Challenge
  /** Monotonic milliseconds after which it is asked for anew. */
  readonly until: number
}

/** What one answer is about. */
interface Asking {
  readonly scope: Scope
  readonly signal: AbortSignal
  /** The refusal, where there was one. */
  readonly cause?: unknown
}

/**
 * HTTP with a registry's authorization (distribution token flow, or Basic). Credentials are read when a registry first asks for some,
 * go to it and to the token service it names, and what they gave is remembered while the source lives.
 */
export class Authorizer {
  readonly #deps: SourceDeps
  readonly #known = new BoundedMap<Known>(AUTHORIZATIONS_MAX)

  constructor(deps: SourceDeps) {
    this.#deps = deps
  }

  /** A fetch for one repository. Other origins than the registry's own, where uploads may go, get no authorization. */
  fetchFor(scope: Scope): HttpFetch {
    const origin = registryOrigin(scope.host, this.#deps.env)
    return async (url, request) => (new URL(url).origin === origin ? this.#fetch(url, request, scope) : this.#deps.fetch(url, request))
  }

  async #fetch(url: string, request: HttpRequest, scope: Scope): Promise<HttpReply> {
    const key = `${scope.host}/${scope.repository}:${scope.actions}`
    const known = await this.#current(key, { scope, signal: request.signal })
    try {
      return await this.#deps.fetch(url, withAuthorization(request, known?.authorization))
    } catch (thrown) {
      const challenge = challengeOf(thrown)
      // A body that is a stream is gone; whoever sends one has asked for something small before.
      if (challenge === undefined || !isRepeatable(request)) throw refused(thrown, scope)
      this.#known.set(key, await this.#answer(challenge, { scope, signal: request.signal, cause: thrown }))
    }
    try {
      return await this.#deps.fetch(url, withAuthorization(request, this.#known.get(key)?.authorization))
    } catch (thrown) {
      if (isSomaError(thrown, 'source/unauthorized')) this.#known.delete(key)
      throw refused(thrown, scope)
    }
  }

  /** A token that runs out is replaced before it is used: a stream that is sent with it could not be sent again. */
  async #current(key: string, asking: Asking): Promise<Known | undefined> {
    const known = this.#known.get(key)
    if (known === undefined || this.#deps.clock.monotonic() < known.until) return known
    this.#known.delete(key)
    const renewed = await this.#answer(known.challenge, asking)
    this.#known.set(key, renewed)
    return renewed
  }

  async #answer(challenge: Challenge, asking: Asking): Promise<Known> {
    const { host, repository } = asking.scope
    const credentials = await loadCredentials(host, repository, this.#deps.env)
    const lasting = (authorization: string): Known => ({ authorization, challenge, until: Number.POSITIVE_INFINITY })
    if (credentials?.kind === 'helper') throw keptByHelper(asking, credentials.helper)
    if (credentials?.kind === 'bearer') return lasting(`Bearer ${credentials.token}`)
    if (challenge.scheme === 'bearer') return { challenge, ...(await this.#fetchToken(challenge, credentials, asking)) }
    if (credentials?.kind === 'password') return lasting(`Basic ${credentials.basic}`)
    throw unauthorized(host, repository, `\`docker login ${host}\` or \`podman login ${host}\` stores them`, asking.cause)
  }

  async #fetchToken(
    challenge: Challenge & { scheme: 'bearer' },
    credentials: Credentials | undefined,
    { scope, signal }: Asking,
  ): Promise<Pick<Known, 'authorization' | 'until'>> {
    const realm = new URL(challenge.realm)
    const open = registryOrigin(scope.host, this.#deps.env).startsWith('http:')
    if (realm.protocol !== 'https:' && !(open && realm.protocol === 'http:'))
      throw unauthorized(scope.host, scope.repository, `its token service ${realm.host} is not reached by https`, undefined)
    const asked = { service: challenge.service, scope: scopeOf(scope, challenge) }
    const request = credentials?.kind === 'refresh' ? refreshRequest(asked, credentials.token) : plainRequest(realm, asked, credentials)
    const begun = this.#deps.clock.monotonic()
    const bytes = await readDocument(await this.#deps.fetch(realm.href, { ...request, signal }), TOKEN_BYTES_MAX)
    const { token, expiresMs } = tokenOf(bytes, realm)
    return { authorization: `Bearer ${token}`, until: begun + Math.max(0, expiresMs - TOKEN_MARGIN_MS) }
  }
}

/** A challenge to a reading request names only reading; what publishes asks for both at once. */
function scopeOf({ repository, actions }: Scope, { scope }: Challenge & { scheme: 'bearer' }): string {
  return actions === 'pull' && scope !== undefined ? scope : `repository:${repository}:${actions}`
}

interface Asked {
  readonly service: string | undefined
  readonly scope: string
}

/** The token flow's GET. Without credentials it asks for what anybody may do. */
function plainRequest(realm: URL, { service, scope }: Asked, credentials: Credentials | undefined): Omit<HttpRequest, 'signal'> {
  if (service !== undefined) realm.searchParams.set('service', service)
  for (const one of scope.split(' ')) realm.searchParams.append('scope', one)
  return credentials?.kind === 'password' ? { headers: { authorization: `Basic ${credentials.basic}` } } : {}
}

/** The OAuth2 POST that exchanges a refresh token. */
function refreshRequest({ service, scope }: Asked, token: string): Omit<HttpRequest, 'signal'> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'soma', refresh_token: token, scope })
  if (service !== undefined) form.set('service', service)
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new TextEncoder().encode(form.toString()),
  }
}

function tokenOf(bytes: Uint8Array, realm: URL): { readonly token: string; readonly expiresMs: number } {
  try {
    const { token, access_token, expires_in } = TokenReply.parse(parseJson(bytes, 'the token'))
    const found = token ?? access_token ?? ''
    // It becomes a header: what cannot be in one is no token.
    if (!/^[\x21-\x7e]+$/.test(found)) throw new TypeError('there is no token in it')
    return { token: found, expiresMs: (expires_in ?? 0) > 0 ? (expires_in ?? 0) * 1000 : TOKEN_DEFAULT_MS }
  } catch (cause) {
    throw badDocument(`the answer of the token service ${realm.host}`, cause)
  }
}

function withAuthorization(request: HttpRequest, authorization: string | undefined): HttpRequest {
  return authorization === undefined ? request : { ...request, headers: { ...request.headers, authorization } }
}

function isRepeatable({ body }: HttpRequest): boolean {
  return body === undefined || body instanceof Uint8Array
}

function challengeOf(thrown: unknown): Challenge | undefined {
  if (!isSomaError(thrown, 'source/unauthorized')) return undefined
  const { status, challenge } = thrown.details
  return status === 401 && typeof challenge === 'string' ? parseChallenge(challenge) : undefined
}

/** Says what to do about a refusal; every other failure as it is. */
function refused(thrown: unknown, { host, repository, actions }: Scope): unknown {
  if (!isSomaError(thrown, 'source/unauthorized') || thrown.details['status'] === undefined) return thrown
  const what = actions === 'pull' ? 'it is private, or does not exist' : 'the ones it has may not push there'
  return unauthorized(host, repository, `${what}; \`docker login ${host}\` stores others`, thrown)
}

function keptByHelper({ scope, cause }: Asking, helper: string): Error {
  const why = `they are kept by docker-credential-${helper}, which is not run from here; log in without a credential helper`
  return unauthorized(scope.host, scope.repository, why, cause)
}
