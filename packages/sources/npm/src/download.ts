import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { parseKey } from './key.ts'
import { connectionTo, loadNpmOptions, registryFor } from './options.ts'
import { parseNpmReference } from './reference.ts'

/** Opens the tarball with the credentials that npm's settings have for its host. */
export async function downloadNpm(artifact: Artifact, deps: SourceDeps, download: DownloadOptions): Promise<Download> {
  const { url, name } = parseKey(artifact.key)
  const options = await loadNpmOptions(deps.env)
  const { spec } = await parseNpmReference(name)
  const connection = await connectionTo(url, options, await registryFor(spec, options))
  return openHttpDownload(deps.fetch, { url, hashed: artifact.integrity !== undefined, ...connection }, download)
}
