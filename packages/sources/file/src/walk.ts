import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { throwIfAborted } from '@soma/core'
import { tooMany, unsafePath } from './errors.ts'
import { DEPTH_MAX, FILES_MAX } from './limits.ts'

/** A regular file in a folder. */
export interface FoundFile {
  /** From the folder, with `/`. */
  readonly path: string
  /** Absolute, links resolved. */
  readonly realPath: string
}

/** Bookkeeping of version control and of hub clients, beside the model's own files. */
const skipped = new Set(['.git', '.hg', '.svn', '.cache'])

/**
 * All regular files under `root`, which is a real path, sorted by path.
 * @throws {SomaError} `package/unsafe-path` for links out of the folder, links to folders, sockets and devices;
 * `source/invalid-reference` over `FILES_MAX` or `DEPTH_MAX`.
 */
export async function walk(root: string, signal: AbortSignal): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  const folders = [{ path: root, depth: 0 }]
  for (let seen = 0, folder = folders.pop(); folder; folder = folders.pop(), seen++) {
    throwIfAborted(signal)
    if (folder.depth > DEPTH_MAX) throw tooMany(root, `${DEPTH_MAX} folders inside each other`)
    for (const entry of await readdir(folder.path, { withFileTypes: true })) {
      const path = join(folder.path, entry.name)
      if (entry.isDirectory() && !skipped.has(entry.name)) folders.push({ path, depth: folder.depth + 1 })
      if (!entry.isDirectory()) found.push({ path: relative(root, path).split(sep).join('/'), realPath: await realFile(root, path, entry) })
    }
    if (found.length + seen > FILES_MAX) throw tooMany(root, `${FILES_MAX} files and folders`)
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}

function isWithin(folder: string | undefined, target: string): boolean {
  return folder !== undefined && target.startsWith(join(folder, sep))
}

/** A Hugging Face cache keeps `models--org--name/snapshots/<commit>/<file>` as links into `models--org--name/blobs`. */
function hubBlobs(root: string): string | undefined {
  const snapshots = dirname(root)
  return basename(snapshots) === 'snapshots' ? join(dirname(snapshots), 'blobs') : undefined
}

async function realFile(root: string, path: string, entry: Dirent): Promise<string> {
  if (entry.isFile()) return path
  if (!entry.isSymbolicLink()) throw unsafePath(path, 'is a socket, pipe or device')
  const target = await realpath(path)
  if (!isWithin(root, target) && !isWithin(hubBlobs(root), target)) throw unsafePath(path, 'is a link that leaves the folder')
  if (!(await stat(target)).isFile()) throw unsafePath(path, 'is a link to something that is not a file')
  return target
}
