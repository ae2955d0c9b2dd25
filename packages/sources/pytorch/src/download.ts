import { type Artifact, type Download, type DownloadOptions, type SourceDeps, openHttpDownload } from '@soma/spec'
import { changedWeights } from './errors.ts'
import { parseKey } from './key.ts'

/** Opens the weights. Without a hash in their name, they must still be what the server had when they were resolved. */
export async function downloadPytorch(artifact: Artifact, { fetch }: SourceDeps, download: DownloadOptions): Promise<Download> {
  const { url, sha256Prefix, validator } = parseKey(artifact.key)
  const opened = await openHttpDownload(fetch, { url, hashed: sha256Prefix !== undefined }, download)
  if (sha256Prefix !== undefined || validator === undefined || opened.validator === validator) return opened
  await opened.body[Symbol.asyncIterator]().return?.()
  throw changedWeights(url)
}
