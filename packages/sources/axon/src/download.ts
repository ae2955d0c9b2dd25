import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { parseKey } from './key.ts'
import { authorizationFor, loadAxonOptions } from './options.ts'

/** Opens the archive, with the registry's token where it lies on the same host. */
export async function downloadAxon(artifact: Artifact, deps: SourceDeps, download: DownloadOptions): Promise<Download> {
  const url = parseKey(artifact.key)
  const headers = authorizationFor(url, await loadAxonOptions(deps.env))
  return openHttpDownload(deps.fetch, { url, headers, hashed: artifact.integrity !== undefined }, download)
}
