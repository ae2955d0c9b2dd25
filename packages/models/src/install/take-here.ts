import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { type BlobDigest, SomaError, abortError, isBlobDigest, isSomaError } from '@soma/core'
import { type Artifact, CONTENT_BYTES_MAX } from '@soma/spec'
import type { InstallContext } from './deps.ts'
import type { Fetched } from './fetch.ts'
import { checkIntegrity, checkableFile } from './integrity.ts'
import type { Semaphore } from './semaphore.ts'

/**
 * Takes an artifact from this machine: the source wrote it itself, it is in the store, or there is a file with it.
 * @returns undefined when it must be fetched.
 */
export async function takeHere(context: InstallContext, artifact: Artifact, places: Semaphore): Promise<Fetched | undefined> {
  using _place = await places.acquire(context.signal)
  if (artifact.content) return takeContent(context, artifact, artifact.content)
  return (await takeStored(context, artifact)) ?? (await takeLocal(context, artifact))
}

async function takeContent({ deps, lease, signal, report }: InstallContext, artifact: Artifact, content: Uint8Array): Promise<Fetched> {
  const { path } = artifact
  const { byteLength: sizeBytes } = content
  if (sizeBytes > CONTENT_BYTES_MAX)
    throw new SomaError(
      'package/size-mismatch',
      `${path} came with ${sizeBytes} bytes inside its reference; at most ${CONTENT_BYTES_MAX} may`,
      {
        details: { path, sizeBytes, bytesMax: CONTENT_BYTES_MAX },
      },
    )
  await checkIntegrity(artifact, { sizeBytes, digest: async (algorithm) => createHash(algorithm).update(content).digest('hex') })
  const blob = await deps.store.blobs.write([content], { lease, signal })
  report({ type: 'download', path, receivedBytes: sizeBytes, sizeBytes, resumedBytes: 0 })
  return { artifact, path: deps.store.blobs.path(blob.digest), sizeBytes, blob }
}

/** Read once, because a blob that the disk has damaged must not become a part of one more package. */
async function takeStored({ deps, lease, signal, report, log }: InstallContext, artifact: Artifact): Promise<Fetched | undefined> {
  const { blobs } = deps.store
  const digest = sha256Of(artifact)
  if (digest === undefined || artifact.kind !== 'file' || !isStored(deps, artifact)) return undefined
  lease.add(digest)
  if ((await blobs.hash(digest, { signal })) !== digest) {
    log.warn('a stored file is damaged; getting it again', { path: artifact.path, digest })
    return undefined
  }
  const sizeBytes = blobs.sizeBytes(digest)
  report({ type: 'adopt', path: artifact.path, how: 'stored', sizeBytes })
  return { artifact, path: blobs.path(digest), sizeBytes, blob: { digest, sizeBytes } }
}

/** Whether the store has a file of the digest and size that the artifact promises. */
export function isStored({ store }: Pick<InstallContext['deps'], 'store'>, artifact: Artifact): boolean {
  const digest = sha256Of(artifact)
  if (digest === undefined || !store.blobs.has(digest)) return false
  return artifact.sizeBytes === undefined || store.blobs.sizeBytes(digest) === artifact.sizeBytes
}

/** A file that turns out to be something else is no reason to fail: its source has the right one, or will say what is wrong. */
async function takeLocal(context: InstallContext, artifact: Artifact): Promise<Fetched | undefined> {
  const { localPath } = artifact
  if (localPath === undefined) return undefined
  try {
    return await adoptLocal(context, artifact, localPath)
  } catch (error) {
    if (context.signal.aborted) throw abortError(context.signal)
    if (isSomaError(error, 'store/disk-full')) throw error
    const reason = error instanceof Error ? error.message : String(error)
    context.report({ type: 'warning', message: `${localPath} cannot be used, so ${artifact.path} is fetched from its source: ${reason}` })
    return undefined
  }
}

async function adoptLocal(context: InstallContext, artifact: Artifact, path: string): Promise<Fetched> {
  const { deps, lease, signal, report } = context
  const { size: sizeBytes } = await stat(path)
  const digest = sha256Of(artifact)
  // What is adopted is checked against its sha256 on the way; other promises are checked first.
  if (digest === undefined || artifact.kind !== 'file') await checkIntegrity(artifact, checkableFile(path, { sizeBytes, signal }))
  if (artifact.kind !== 'file') return { artifact, path, sizeBytes }
  const expected = { sizeBytes: artifact.sizeBytes ?? sizeBytes, ...(digest !== undefined && { digest }) }
  const { how, ...blob } = await deps.store.blobs.adopt(path, { link: artifact.localImmutable === true, expected, signal, lease })
  if (how !== 'move') report({ type: 'adopt', path: artifact.path, how, sizeBytes })
  return { artifact, path: deps.store.blobs.path(blob.digest), sizeBytes, blob }
}

function sha256Of({ integrity }: Artifact): BlobDigest | undefined {
  const digest = `sha256:${integrity?.digest ?? ''}`
  return integrity?.algorithm === 'sha256' && isBlobDigest(digest) ? digest : undefined
}
