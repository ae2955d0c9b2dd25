import { isSomaError } from '@soma/core'
import type { Effects } from '@soma/spec'
import type { Store } from '@soma/store'
import type { InstalledModel } from '../ports.ts'

/** Kind of the records of models that were installed with `allowUnsafe` and needed it; their keys are the names. */
const UNSAFE_KIND = 'unsafe-package'

/** Whether its pickles would do more than loading weights needs. */
export function isUnsafe({ manifest }: InstalledModel): boolean {
  return manifest.spec.source?.['unsafe'] === true
}

/**
 * Keeps a record beside an unsafe package: the audit log, which holds no contents, names the records that a call wrote, so that it
 * tells which call brought such a package here, and which took it away. Called in the turn of the commit.
 */
export function noteUnsafe(effects: Effects, { records }: Pick<Store, 'records'>, name: string, next: InstalledModel | undefined): void {
  if (next && isUnsafe(next)) effects.put(UNSAFE_KIND, name, { reference: next.reference, digest: next.digest })
  else if (isNoted(records, name)) effects.delete(UNSAFE_KIND, name)
}

function isNoted(records: Store['records'], name: string): boolean {
  try {
    return records.get(UNSAFE_KIND, name) !== undefined
  } catch (error) {
    if (isSomaError(error, 'store/corrupt')) return true
    throw error
  }
}
