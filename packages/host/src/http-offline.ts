import { SomaError } from '@soma/core'
import { type HttpFetch, publicUrl } from '@soma/spec'

/** Lets no request out while `isOffline` says so; asked before each. @throws {SomaError} `source/offline`, at once. */
export function createOfflineFetch(fetch: HttpFetch, isOffline: () => boolean): HttpFetch {
  return async (url, request) => {
    if (isOffline()) throw offline(url)
    return fetch(url, request)
  }
}

function offline(text: string): SomaError {
  const url = URL.canParse(text) ? publicUrl(text) : 'an address'
  // The path says enough: hubs are asked with long queries.
  const message = `offline mode is on, so ${url.split('?')[0]} is not asked; install.offline = false and an unset SOMA_OFFLINE end it`
  return new SomaError('source/offline', message, { details: { url } })
}
