import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { notCached } from './errors.ts'
import { gitVerified } from './git-hash.ts'
import { createHubFetch } from './hub-fetch.ts'
import { escapePath, parseKey } from './key.ts'
import { GIT_HASHED_BYTES_MAX } from './limits.ts'
import { loadHubOptions } from './options.ts'

/**
 * Opens a file of a commit. Large files are hashed by the installer. Small ones have only git's hash, which needs all their bytes:
 * they come whole, and are checked on the way.
 */
export async function downloadHub(artifact: Artifact, deps: SourceDeps, download: DownloadOptions): Promise<Download> {
  const { repository, commit, path, sha256, oid } = parseKey(artifact.key)
  const options = await loadHubOptions(deps.env)
  if (options.offline) throw notCached(`${path} of hf/${repository}`, options.cache)
  const fetch = createHubFetch(deps.fetch, options, repository)
  const url = `${options.endpoint}/${repository}/resolve/${commit}/${escapePath(path)}`
  const { sizeBytes } = artifact
  if (sha256 !== undefined || oid === undefined || sizeBytes === undefined || sizeBytes > GIT_HASHED_BYTES_MAX)
    return openHttpDownload(fetch, { url, hashed: sha256 !== undefined }, download)
  const opened = await openHttpDownload(fetch, { url, hashed: true }, { offset: 0, signal: download.signal })
  return { ...opened, body: gitVerified(opened.body, { path, sizeBytes, oid }) }
}
