import { SomaError } from '@soma/core'
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

/** HTTP that gives credentials to the server of one address, and to no other that it leads to. */
export function authorizedFetch(fetch: HttpFetch, address: string | URL, authorization: string | undefined): HttpFetch {
  if (authorization === undefined) return fetch
  const { origin } = new URL(address)
  return async (url, request) => {
    const own = new URL(url).origin === origin
    return fetch(url, own ? { ...request, headers: { ...request.headers, authorization } } : request)
  }
}
