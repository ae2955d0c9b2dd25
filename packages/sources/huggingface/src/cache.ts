import { type Dirent } from 'node:fs'
import { lstat, readFile, readdir, realpath } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { HubFile } from './hub.ts'
import { isGitBlob } from './git-hash.ts'
import { FILES_MAX, GIT_HASHED_BYTES_MAX, SNAPSHOT_DEPTH_MAX } from './limits.ts'

/** What Hugging Face's own tools have downloaded of a repository: `models--org--name/{refs,blobs,snapshots}`. */
export interface CachedRepository {
  readonly folder: string
}

export function cachedRepository(cache: string, repository: string): CachedRepository {
  return { folder: join(cache, `models--${repository.replaceAll('/', '--')}`) }
}

const commitPattern = /^[0-9a-f]{40}$/

/** The commit that a branch or tag led to when it was last downloaded. */
export async function cachedCommit({ folder }: CachedRepository, revision = 'main'): Promise<string | undefined> {
  const named = commitPattern.test(revision) ? revision : await readFile(join(folder, 'refs', revision), 'utf8').catch(() => '')
  const commit = named.trim()
  if (!commitPattern.test(commit)) return undefined
  const snapshot = await lstat(join(folder, 'snapshots', commit)).catch(() => undefined)
  return snapshot?.isDirectory() ? commit : undefined
}

/**
 * The path of a file's bytes in the cache, under the name that its hash gives them there; undefined when they are not there whole.
 * Of LFS files the installer checks the hash; that of git's small ones is checked here.
 */
export async function cachedBlob({ folder }: CachedRepository, file: HubFile, signal: AbortSignal): Promise<string | undefined> {
  const name = file.sha256 ?? file.oid
  if (name === undefined || !/^[0-9a-f]{40,64}$/.test(name)) return undefined
  const path = join(folder, 'blobs', name)
  const stats = await lstat(path).catch(() => undefined)
  if (!stats?.isFile() || stats.size !== file.sizeBytes) return undefined
  if (file.sha256 !== undefined) return path
  const same = file.sizeBytes <= GIT_HASHED_BYTES_MAX && (await isGitBlob(path, { sizeBytes: stats.size, oid: name }, signal))
  return same ? path : undefined
}

/** The files of a commit that are there. Links name their blob, and that its hash. */
export async function cachedFiles({ folder }: CachedRepository, commit: string): Promise<HubFile[]> {
  const snapshot = join(folder, 'snapshots', commit)
  const files: HubFile[] = []
  for await (const path of walk(snapshot, '', SNAPSHOT_DEPTH_MAX)) {
    const blob = await realpath(join(snapshot, path)).catch(() => undefined)
    const stats = blob === undefined ? undefined : await lstat(blob)
    const name = basename(blob ?? '')
    const hash = /^[0-9a-f]{64}$/.test(name) ? { sha256: name } : /^[0-9a-f]{40}$/.test(name) ? { oid: name } : undefined
    if (stats?.isFile() && hash !== undefined && files.push({ path, sizeBytes: stats.size, ...hash }) >= FILES_MAX) break
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function* walk(root: string, folder: string, depth: number): AsyncGenerator<string> {
  const entries: Dirent[] = await readdir(join(root, folder), { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (!entry.isDirectory()) yield path
    else if (depth > 0) yield* walk(root, path, depth - 1)
  }
}
