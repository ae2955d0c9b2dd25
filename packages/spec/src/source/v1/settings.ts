import { SomaError, isSomaError } from '@soma/core'
import type { HttpFetch, SourceDeps } from './source.ts'

/**
 * The address of a server that a variable of the environment may replace, e.g. by a mirror's; without a slash at the end.
 * @throws {SomaError} `config/invalid` naming the variable, for anything but a plain http or https address.
 */
export function addressSetting(env: SourceDeps['env'], name: string, fallback: string): string {
  const setting = env[name] || fallback
  const url = URL.canParse(setting) ? new URL(setting) : undefined
  if (url && /^https?:$/.test(url.protocol) && url.username + url.password + url.search + url.hash === '')
    return url.href.replace(/\/+$/, '')
  throw new SomaError('config/invalid', `${name} is no web address; expected e.g. ${fallback}`, { details: { setting: name } })
}

export interface Authorization {
  /** Whose credentials they are. */
  readonly address: string | URL
  /** The header; undefined where there are no credentials. */
  readonly authorization: string | undefined
  /** Says of that server's refusal (401, 403) what to set. */
  readonly refused?: (cause: SomaError) => SomaError
}

/** HTTP that gives credentials to the server of one address, and to no other that it leads to. */
export function authorizedFetch(fetch: HttpFetch, { address, authorization, refused }: Authorization): HttpFetch {
  const { origin, host } = new URL(address)
  return async (url, request) => {
    const own = authorization !== undefined && new URL(url).origin === origin
    const reply = fetch(url, own ? { ...request, headers: { ...request.headers, authorization } } : request)
    return reply.catch((thrown: unknown) => {
      const isOwn = isSomaError(thrown, 'source/unauthorized') && thrown.details['host'] === host
      throw isOwn && refused ? refused(thrown) : thrown
    })
  }
}
