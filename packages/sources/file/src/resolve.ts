import { createHash } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { type Artifact, type Resolution, archiveKind, fileStem, modelNameOf } from '@soma/spec'
import { changedOnDisk, fileError, holdsNothing, pointerOnly, unsafePath } from './errors.ts'
import { FILES_OPEN_MAX } from './limits.ts'
import { type LfsPointer, lfsObjects, objectPath, readPointer } from './lfs.ts'
import type { FileReference } from './options.ts'
import { fileState, formatKey } from './state.ts'
import { type FoundFile, walk } from './walk.ts'

/** Lists a folder, or takes the one file or archive, and pins the state they are in. */
export async function resolveFile(reference: FileReference, signal: AbortSignal): Promise<Resolution> {
  try {
    const root = await realpath(reference.path)
    const artifacts = await artifactsOf(root, signal)
    const state = stateOf(artifacts)
    if (reference.state !== undefined && reference.state !== state) throw changedOnDisk(reference.path)
    const suggestedName = modelNameOf(artifacts[0]?.localPath === root ? fileStem(basename(root)) : basename(root))
    return { reference: `file/${reference.path}#state=${state}`, suggestedName, version: state, artifacts }
  } catch (thrown) {
    throw fileError(thrown, reference.path)
  }
}

async function artifactsOf(root: string, signal: AbortSignal): Promise<Artifact[]> {
  const stats = await stat(root)
  if (stats.isFile()) return [await artifactOf({ path: basename(root), realPath: root }, archiveKind(basename(root)))]
  if (!stats.isDirectory()) throw unsafePath(root, 'is a socket, pipe or device')
  const found = await walk(root, signal)
  if (found.length === 0) throw holdsNothing(root)
  const artifacts: Artifact[] = []
  for (let at = 0; at < found.length; at += FILES_OPEN_MAX)
    artifacts.push(...(await Promise.all(found.slice(at, at + FILES_OPEN_MAX).map((file) => artifactOf(file, 'file')))))
  return artifacts
}

async function artifactOf({ path, realPath }: FoundFile, kind: Artifact['kind']): Promise<Artifact> {
  const stats = await stat(realPath, { bigint: true })
  const pointer = kind === 'file' ? await readPointer(realPath, Number(stats.size)) : undefined
  if (pointer) return await lfsArtifact(path, realPath, pointer)
  return { key: formatKey(realPath, fileState(stats)), path, kind, sizeBytes: Number(stats.size), localPath: realPath }
}

/** A file of a git-lfs clone: its contents lie under their hash beside it, once they were pulled. */
async function lfsArtifact(path: string, pointerPath: string, pointer: LfsPointer): Promise<Artifact> {
  const objects = await lfsObjects(dirname(pointerPath))
  const object = objects && objectPath(objects, pointer)
  const stats = object === undefined ? undefined : await stat(object, { bigint: true }).catch(() => undefined)
  if (object === undefined || !stats?.isFile()) throw pointerOnly(pointerPath, pointer)
  return {
    key: formatKey(object, fileState(stats)),
    path,
    kind: 'file',
    sizeBytes: pointer.sizeBytes,
    integrity: { algorithm: 'sha256', digest: pointer.oid },
    localPath: object,
    localImmutable: true,
  }
}

function stateOf(artifacts: readonly Artifact[]): string {
  const hash = createHash('sha256')
  for (const { path, key } of artifacts) hash.update(`${path}\0${key}\0`)
  return hash.digest('hex').slice(0, 16)
}
