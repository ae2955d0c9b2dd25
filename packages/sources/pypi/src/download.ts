import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { parseKey } from './key.ts'
import { authorizationFor, connectionTo, loadPypiOptions } from './options.ts'

/** Opens the file, with the index's credentials where it lies on the same host. */
export async function downloadPypi(artifact: Artifact, deps: SourceDeps, download: DownloadOptions): Promise<Download> {
  const { url } = parseKey(artifact.key)
  const options = await loadPypiOptions(deps.env)
  const target = { url, headers: authorizationFor(url, options), connection: connectionTo(url, options) }
  return openHttpDownload(deps.fetch, { ...target, hashed: artifact.integrity !== undefined }, download)
}
