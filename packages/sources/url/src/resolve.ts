import { type Artifact, type HttpFetch, type HttpReply, type Resolution, fileStem, modelNameOf, totalBytes, validatorOf } from '@soma/spec'
import { changedAtServer } from './errors.ts'
import { artifactFileName, artifactKind } from './file-name.ts'
import { type UrlReference, formatUrlReference } from './options.ts'

/** Of bytes that the server names no version of: neither a strong ETag nor a date. */
export const UNVERSIONED = 'unversioned'

/** Hex digits of the hash that stand for a version, as git shows a commit. */
const HASH_VERSION_LENGTH = 12

/** Asks for one byte: unlike HEAD this works with presigned links, and tells whether downloads can be resumed. */
export async function resolveUrl(reference: UrlReference, fetch: HttpFetch, signal: AbortSignal): Promise<Resolution> {
  using reply = await fetch(reference.url, { headers: { range: 'bytes=0-0' }, signal })
  const version = versionOf(validatorOf(reply.headers))
  if (reference.sha256 === undefined) checkVersion(reference, version)
  const artifact = describeArtifact(reference, reply, version)
  return {
    reference: `url/${artifact.key}`,
    suggestedName: modelNameOf(fileStem(artifact.path)),
    version: reference.sha256?.slice(0, HASH_VERSION_LENGTH) ?? version,
    artifacts: [artifact],
  }
}

/** @throws {SomaError} `source/not-found` when the reference is pinned to another version. */
export function checkVersion(reference: UrlReference, found: string): void {
  const { version: pinned } = reference
  if (pinned !== undefined && pinned !== found) throw changedAtServer(reference.shown, pinned, found)
}

/** An ETag without its quotes, or a date in ISO form. */
export function versionOf(validator: string | undefined): string {
  if (validator === undefined) return UNVERSIONED
  if (validator.startsWith('"')) return validator.replaceAll('"', '') || UNVERSIONED
  const date = Date.parse(validator)
  return Number.isNaN(date) ? validator : new Date(date).toISOString()
}

function describeArtifact(reference: UrlReference, reply: HttpReply, version: string): Artifact {
  const { sha256 } = reference
  const path = artifactFileName(reference.url, reply.headers)
  const sizeBytes = totalBytes(reply)
  return {
    key: formatUrlReference({ ...reference, ...(version !== UNVERSIONED && { version }) }),
    path,
    kind: artifactKind(path, reply.headers['content-type']),
    ...(sizeBytes !== undefined && { sizeBytes }),
    ...(sha256 !== undefined && { integrity: { algorithm: 'sha256' as const, digest: sha256 } }),
  }
}
