import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { hubFetch } from './hub.ts'
import { parseKey } from './key.ts'
import { loadModelScopeOptions } from './options.ts'

/** Opens a file of a commit. */
export function downloadModelScope(artifact: Artifact, deps: SourceDeps, download: DownloadOptions): Promise<Download> {
  const { repository, commit, path, sha256 } = parseKey(artifact.key)
  const options = loadModelScopeOptions(deps.env)
  const query = new URLSearchParams({ Revision: commit, FilePath: path })
  const url = `${options.endpoint}/api/v1/models/${repository}/repo?${query.toString()}`
  return openHttpDownload(hubFetch(deps.fetch, options), { url, hashed: sha256 !== undefined }, download)
}
