import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import type { Authorizer } from './authorize.ts'
import { parseKey } from './key.ts'
import { Repository } from './registry.ts'

/** Opens a blob. Registries that keep them elsewhere redirect there, without the credentials. */
export async function downloadOci(
  artifact: Artifact,
  use: { readonly deps: SourceDeps; readonly authorizer: Authorizer },
  options: DownloadOptions,
): Promise<Download> {
  const { digest, ...reference } = parseKey(artifact.key)
  const repository = new Repository(reference, 'pull', { source: use.deps, authorizer: use.authorizer })
  return openHttpDownload(repository.fetch, { url: repository.blobUrl(digest), hashed: true }, options)
}
