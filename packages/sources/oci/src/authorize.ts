import { isSomaError, parseJson } from '@soma/core'
import { type HttpFetch, type HttpRequest, type SourceDeps, readDocument } from '@soma/spec'
import { z } from 'zod'
import { type Challenge, parseChallenge } from './challenge.ts'
import { badDocument, unauthorized } from './errors.ts'
import { AUTHORIZATIONS_MAX, TOKEN_BYTES_MAX } from './limits.ts'
import { type Credentials, loadCredentials, registryOrigin } from './options.ts'
import { BoundedMap } from './bounded-map.ts'

/** The repository that requests are about, and what is done there. */
export interface Scope {
  readonly host: string
  readonly repository: string
  readonly actions: 'pull' | 'pull,push'
}

const TokenReply = z.looseObject({ token: z.string().optional(), access_token: z.string().optional() })

/**
 * HTTP with a registry's authorization (distribution token flow, or Basic). Credentials are read when a registry first asks for some,
 * go to it and to the token service it names, and what they gave is remembered while the source lives.
 */
export class Authorizer {
  readonly #deps: SourceDeps
  readonly #known = new BoundedMap<string>(AUTHORIZATIONS_MAX)

  constructor(deps: SourceDeps) {
    this.#deps = deps
  }

  /** A fetch for one repository. Other origins than the registry's own, where uploads may go, get no authorization. */
  fetchFor(scope: Scope): HttpFetch {
    const origin = registryOrigin(scope.host, this.#deps.env)
    return async (url, request) => (new URL(url).origin === origin ? this.#fetch(url, request, scope) : this.#deps.fetch(url, request))
  }

  async #fetch(url: string, request: HttpRequest, scope: Scope) {
    const key = `${scope.host}/${scope.repository}:${scope.actions}`
    try {
      return await this.#deps.fetch(url, withAuthorization(request, this.#known.get(key)))
    } catch (thrown) {
      const challenge = challengeOf(thrown)
      // A body that is a stream is gone; whoever sends one has asked for something small before.
      if (challenge === undefined || !isRepeatable(request)) throw refused(thrown, scope)
      this.#known.set(key, await this.#answer(challenge, thrown, { scope, signal: request.signal }))
    }
    try {
      return await this.#deps.fetch(url, withAuthorization(request, this.#known.get(key)))
    } catch (thrown) {
      if (isSomaError(thrown, 'source/unauthorized')) this.#known.delete(key)
      throw refused(thrown, scope)
    }
  }

  async #answer(challenge: Challenge, thrown: unknown, { scope, signal }: { scope: Scope; signal: AbortSignal }): Promise<string> {
    const { host, repository } = scope
    const credentials = await loadCredentials(host, repository, this.#deps.env)
    if (credentials?.kind === 'helper')
      throw unauthorized(
        host,
        repository,
        `they are kept by docker-credential-${credentials.helper}, which is not run from here; log in without a credential helper`,
        thrown,
      )
    if (credentials?.kind === 'bearer') return `Bearer ${credentials.token}`
    if (challenge.scheme === 'bearer') return `Bearer ${await this.#fetchToken(challenge, credentials, { scope, signal })}`
    if (credentials?.kind === 'password') return `Basic ${credentials.basic}`
    throw unauthorized(host, repository, `\`docker login ${host}\` or \`podman login ${host}\` stores them`, thrown)
  }

  async #fetchToken(
    challenge: Challenge & { scheme: 'bearer' },
    credentials: Credentials | undefined,
    { scope, signal }: { scope: Scope; signal: AbortSignal },
  ): Promise<string> {
    const realm = new URL(challenge.realm)
    const open = registryOrigin(scope.host, this.#deps.env).startsWith('http:')
    if (realm.protocol !== 'https:' && !(open && realm.protocol === 'http:'))
      throw unauthorized(scope.host, scope.repository, `its token service ${realm.host} is not reached by https`, undefined)
    const asked = { service: challenge.service, scope: challenge.scope ?? `repository:${scope.repository}:${scope.actions}` }
    const request = credentials?.kind === 'refresh' ? refreshRequest(asked, credentials.token) : plainRequest(realm, asked, credentials)
    const bytes = await readDocument(await this.#deps.fetch(realm.href, { ...request, signal }), TOKEN_BYTES_MAX)
    return tokenOf(bytes, realm)
  }
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

function tokenOf(bytes: Uint8Array, realm: URL): string {
  try {
    const { token, access_token } = TokenReply.parse(parseJson(bytes, 'the token'))
    const found = token ?? access_token ?? ''
    // It becomes a header: what cannot be in one is no token.
    if (!/^[\x21-\x7e]+$/.test(found)) throw new TypeError('there is no token in it')
    return found
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
