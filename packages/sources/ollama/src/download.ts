import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { parseKey } from './key.ts'
import { repositoryUrl } from './options.ts'

/** Opens a layer. Its digest is its name, so that it can be continued whatever the server says of it. */
export async function downloadOllama(artifact: Artifact, { fetch, env }: SourceDeps, download: DownloadOptions): Promise<Download> {
  const key = parseKey(artifact.key)
  return openHttpDownload(fetch, { url: `${repositoryUrl(key, env)}/blobs/${key.digest}`, hashed: true }, download)
}
