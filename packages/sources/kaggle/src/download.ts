import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { KaggleApi } from './api.ts'
import { parseKey } from './key.ts'

/** Opens a file or the archive. Kaggle redirects to its object store, which gets no credentials. */
export async function downloadKaggle(artifact: Artifact, deps: SourceDeps, download: DownloadOptions): Promise<Download> {
  const { reference, version, path } = parseKey(artifact.key)
  const api = await KaggleApi.open(deps)
  return openHttpDownload(api.fetchFor(reference), { url: api.downloadUrl(reference, version, path), hashed: false }, download)
}
