import { open, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { LFS_GITDIR_BYTES_MAX, LFS_POINTER_BYTES_MAX } from './limits.ts'

/** What a git-lfs pointer stands for (git-lfs specification, v1). */
export interface LfsPointer {
  /** sha256, lower-case hex. */
  readonly oid: string
  readonly sizeBytes: number
}

/** @returns the pointer that the file holds instead of its contents, if it is one. */
export async function readPointer(path: string, sizeBytes: number): Promise<LfsPointer | undefined> {
  if (sizeBytes > LFS_POINTER_BYTES_MAX) return undefined
  const bytes = Buffer.alloc(LFS_POINTER_BYTES_MAX)
  await using file = await open(path)
  const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, 0)
  return parsePointer(bytes.toString('latin1', 0, bytesRead))
}

export function parsePointer(text: string): LfsPointer | undefined {
  if (!text.startsWith('version https://git-lfs.github.com/spec/v1\n')) return undefined
  const oid = /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1]
  const size = /^size (\d{1,15})$/m.exec(text)?.[1]
  return oid === undefined || size === undefined ? undefined : { oid, sizeBytes: Number(size) }
}

/** Where a clone keeps the contents of its pointers; undefined when no folder above is a clone. */
export async function lfsObjects(folder: string): Promise<string | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const git = await gitFolder(join(at, '.git'))
    if (git !== undefined) return join(git, 'lfs/objects')
    if (at === dirname(at)) return undefined
  }
}

export function objectPath(objects: string, { oid }: LfsPointer): string {
  return join(objects, oid.slice(0, 2), oid.slice(2, 4), oid)
}

/** `.git` is a folder, or in a worktree or submodule a file that names one. A worktree shares the objects of its main clone. */
async function gitFolder(path: string): Promise<string | undefined> {
  const stats = await stat(path).catch(() => undefined)
  if (stats?.isDirectory()) return path
  if (!stats?.isFile() || stats.size > LFS_GITDIR_BYTES_MAX) return undefined
  const named = /^gitdir: (.+)$/m.exec(await readFile(path, 'utf8'))?.[1]
  if (named === undefined) return undefined
  const own = resolve(dirname(path), named.trim())
  const shared = await readFile(join(own, 'commondir'), 'utf8').catch(() => undefined)
  return shared === undefined ? own : resolve(own, shared.trim())
}
