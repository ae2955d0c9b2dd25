import type { CreateSource, Source } from '@soma/spec'
import { downloadUrl } from './download.ts'
import { PRIVATE_URLS_MAX } from './limits.ts'
import { parseUrlReference } from './options.ts'
import { resolveUrl } from './resolve.ts'

/**
 * Any file or archive behind an http or https address. Credentials in the address stay in memory: no key and no pinned
 * reference holds them, so that they must be given again after a restart. Those in `~/.netrc` last.
 */
export const createUrlSource: CreateSource = ({ fetch }): Source => {
  const privateUrls = new Map<string, string>()
  return {
    sourceVersion: 1,
    scheme: 'url',
    title: 'Web address',
    example: 'url/https://example.org/model.onnx#sha256=<64 hex digits>',
    resolve: async (name, { signal }) => {
      const reference = parseUrlReference(name)
      const known = { ...reference, url: urlWithCredentials(reference.url, reference.shown, privateUrls) }
      return resolveUrl(known, fetch, signal)
    },
    download: async (artifact, options) => {
      const reference = parseUrlReference(artifact.key)
      const url = privateUrls.get(reference.shown) ?? reference.url
      return downloadUrl(artifact, { ...reference, url }, { ...options, fetch })
    },
  }
}

/** Remembers an address that has credentials; one without gets those of its last install. */
function urlWithCredentials(url: string, shown: string, privateUrls: Map<string, string>): string {
  if (url === shown) return privateUrls.get(shown) ?? url
  privateUrls.delete(shown)
  privateUrls.set(shown, url)
  for (const oldest of privateUrls.keys()) if (privateUrls.size > PRIVATE_URLS_MAX) privateUrls.delete(oldest)
  return url
}
