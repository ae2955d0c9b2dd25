import { existsSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

export interface DiskSpace {
  /** Bytes an ordinary user may still write. */
  readonly freeBytes: number
  readonly totalBytes: number
}

/** Space on the disk that holds `path`, which need not exist yet. */
export async function diskSpace(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(nearestExisting(path))
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

/** `path` itself or the closest folder above it that exists. */
export function nearestExisting(path: string): string {
  let folder = path
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder)
  return folder
}
