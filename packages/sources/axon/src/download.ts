import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { parseKey } from './key.ts'
import { loadAxonOptions, registryFetch } from './options.ts'

/** Opens the archive, with the registry's token where it lies on the same host. */
export async function downloadAxon(artifact: Artifact, deps: SourceDeps, download: DownloadOptions): Promise<Download> {
  const url = parseKey(artifact.key)
  const fetch = registryFetch(deps.fetch, await loadAxonOptions(deps.env))
  return openHttpDownload(fetch, { url, hashed: artifact.integrity !== undefined }, download)
}
