import type { BigIntStats } from 'node:fs'

/** Changes whenever a file's bytes do, unless somebody forges the time: size, nanosecond mtime and inode. */
export function fileState(stats: Pick<BigIntStats, 'size' | 'mtimeNs' | 'ino'>): string {
  return `${stats.size}-${stats.mtimeNs}-${stats.ino}`
}

/** An artifact's key: the real path and the state. */
export function formatKey(path: string, state: string): string {
  return `file:${path}#${state}`
}

export function parseKey(key: string): { readonly path: string; readonly state: string } {
  const at = key.lastIndexOf('#')
  return { path: key.slice('file:'.length, at), state: key.slice(at + 1) }
}
