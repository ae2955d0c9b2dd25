import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * A reference as the daemon takes it: folders and files given as on a command line, and bare web addresses, get their source
 * in front. Paths become absolute here, because the daemon runs in another folder.
 */
export function expandReference(reference: string, folder: string): string {
  if (/^https?:\/\//i.test(reference)) return `url/${reference}`
  if (reference.startsWith('~/')) return `file/${join(homedir(), reference.slice(2))}`
  return /^(\.{1,2}($|\/)|\/)/.test(reference) ? `file/${resolve(folder, reference)}` : reference
}
