import { isBlobDigest } from '@soma/core'
import type { Artifact, CallOutput } from '@soma/spec'
import type { BlobStore } from '@soma/store'
import { type Target, totalBytes } from '../install/resolve.ts'
import { compileGlobs } from '../package/glob.ts'
import { isManifest, selectFiles } from '../package/select.ts'
import type { InstalledFile, InstalledModel } from '../ports.ts'

export type Changes = NonNullable<CallOutput<'model.update'>['changes']>
type FileChange = Changes['files'][number]

/** A file as far as it is known: its digest may not be, before it is here. */
interface SomeFile {
  readonly sizeBytes: number | null
  readonly digest: string | null
}

/** What differs between a model and the package that took its place. */
export function changesBetween(before: InstalledModel, after: InstalledModel, fetchBytes: number | null): Changes {
  return {
    versionBefore: before.version,
    versionAfter: after.version,
    referenceAfter: after.reference,
    licenceBefore: before.licence,
    licenceAfter: after.licence,
    sizeBytesBefore: sizeOf(before.files),
    sizeBytesAfter: sizeOf(after.files),
    fetchBytes,
    files: compare(before.files, new Map(after.files.map((file) => [file.path, file]))),
  }
}

/**
 * What will differ, as far as the source says it before anything is fetched. What archives hold is not known then; nor is it
 * whether a file has changed that has neither a digest nor another size: those are left out.
 */
export function expectedChanges(before: InstalledModel, { resolution }: Target, blobs: BlobStore): Changes {
  const { version, reference, licence, artifacts } = resolution
  const files = artifacts.every(({ kind }) => kind === 'file') ? keptFiles(before, artifacts) : undefined
  const after = files && [...files.values()]
  return {
    versionBefore: before.version,
    versionAfter: version,
    referenceAfter: reference,
    licenceBefore: before.licence,
    licenceAfter: licence ?? null,
    sizeBytesBefore: sizeOf(before.files),
    sizeBytesAfter: after ? after.reduce<number | null>((sum, { sizeBytes }) => add(sum, sizeBytes), 0) : null,
    fetchBytes: bytesToFetch(resolution, blobs),
    files: files ? compare(before.files, files) : [],
  }
}

/** Of what is not in the store yet. @returns null when some size is not known. */
export function bytesToFetch({ artifacts, ...resolution }: Target['resolution'], blobs: BlobStore): number | null {
  const missing = artifacts.filter((artifact) => {
    const digest = sha256Of(artifact)
    const isHere = artifact.localPath !== undefined || artifact.content !== undefined
    return !isHere && !(digest !== null && isBlobDigest(digest) && blobs.has(digest))
  })
  return totalBytes({ ...resolution, artifacts: missing })
}

/** Those that an install would keep, if the model's files have the roles that they have now. */
function keptFiles(before: InstalledModel, artifacts: readonly Artifact[]): Map<string, SomeFile> {
  const known = new Map(artifacts.filter(({ path }) => !isManifest(path)).map((artifact) => [artifact.path, artifact]))
  const core = new Set(before.files.filter(({ role, path }) => role !== null && known.has(path)).map(({ path }) => path))
  const globs = includeOf(before)
  const include = globs && compileGlobs(globs)
  const sizes = new Map([...known].map(([path, { sizeBytes = 0 }]) => [path, { sizeBytes }]))
  const kept = new Set([...selectFiles(sizes, core, include), ...before.files.map(({ path }) => path)])
  return new Map([...known].filter(([path]) => kept.has(path)).map(([path, artifact]) => [path, fileOf(artifact)]))
}

function fileOf(artifact: Artifact): SomeFile {
  return { sizeBytes: artifact.sizeBytes ?? null, digest: sha256Of(artifact) }
}

function sha256Of({ integrity }: Artifact): string | null {
  return integrity?.algorithm === 'sha256' ? `sha256:${integrity.digest}` : null
}

/** The globs a model was installed with. */
export function includeOf({ manifest }: InstalledModel): string[] | undefined {
  const include = manifest.spec.source?.['include']
  return Array.isArray(include) ? include.map(String) : undefined
}

function compare(before: readonly InstalledFile[], after: ReadonlyMap<string, SomeFile>): FileChange[] {
  const paths = new Set(before.map(({ path }) => path))
  const gone = before.flatMap((file) => compareOne(file, after.get(file.path)))
  const added = [...after].filter(([path]) => !paths.has(path))
  return [
    ...gone,
    ...added.map(([path, { sizeBytes }]) => ({ path, change: 'added' as const, sizeBytesBefore: null, sizeBytesAfter: sizeBytes })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function compareOne({ path, sizeBytes, digest }: InstalledFile, after: SomeFile | undefined): FileChange[] {
  if (!after) return [{ path, change: 'removed', sizeBytesBefore: sizeBytes, sizeBytesAfter: null }]
  const sizeAfter = after.sizeBytes ?? sizeBytes
  if (sizeAfter === sizeBytes && (after.digest ?? digest) === digest) return []
  return [{ path, change: 'changed', sizeBytesBefore: sizeBytes, sizeBytesAfter: after.sizeBytes }]
}

function sizeOf(files: readonly InstalledFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

function add(sum: number | null, sizeBytes: number | null): number | null {
  return sum === null || sizeBytes === null ? null : sum + sizeBytes
}
