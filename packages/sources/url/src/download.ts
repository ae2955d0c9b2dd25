import { type Artifact, type Download, type DownloadOptions, type HttpFetch, openHttpDownload } from '@soma/spec'
import type { UrlReference } from './options.ts'
import { checkVersion, versionOf } from './resolve.ts'

/** Opens the bytes of the artifact; without a hash to check afterwards they must still be the version that was resolved. */
export async function downloadUrl(
  artifact: Artifact,
  reference: UrlReference,
  options: DownloadOptions & { readonly fetch: HttpFetch },
): Promise<Download> {
  const hashed = artifact.integrity !== undefined
  const download = await openHttpDownload(options.fetch, { url: reference.url, hashed }, options)
  try {
    if (!hashed) checkVersion(reference, versionOf(download.validator))
  } catch (changed) {
    await download.body[Symbol.asyncIterator]().return?.()
    throw changed
  }
  return download
}
