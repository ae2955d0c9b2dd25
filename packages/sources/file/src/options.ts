import { isAbsolute, normalize } from 'node:path'
import { invalidReference } from './errors.ts'

/** What stands after `file/`. */
export interface FileReference {
  /** Absolute. */
  readonly path: string
  /** The state the files must still be in: 16 hex digits over their paths, sizes, times and inodes. */
  readonly state?: string
}

/** @throws {SomaError} `source/invalid-reference`. */
export function parseFileReference(name: string): FileReference {
  const match = /^(.*)#state=([0-9a-f]{16})$/s.exec(name)
  const path = match?.[1] ?? name
  if (!isAbsolute(path)) throw invalidReference(`${JSON.stringify(path)} is not an absolute path`)
  if (path.includes('\0')) throw invalidReference('the path holds a zero byte')
  const state = match?.[2]
  return { path: normalize(path), ...(state !== undefined && { state }) }
}
