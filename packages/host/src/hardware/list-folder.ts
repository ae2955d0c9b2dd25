import { readdirSync } from 'node:fs'
import { FOLDER_ENTRIES_MAX } from './limits.ts'

/** Names in a folder, sorted; empty when it is missing or not ours to read. */
export function listFolder(path: string): string[] {
  try {
    return readdirSync(path).sort().slice(0, FOLDER_ENTRIES_MAX)
  } catch {
    return []
  }
}
