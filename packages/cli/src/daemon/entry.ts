import { join } from 'node:path'

/** The daemon's program: its sources in a checkout that runs from sources, the bundle above this chunk in a built tree. */
export function daemonEntry(): string {
  const here = import.meta.dirname
  return import.meta.filename.endsWith('.ts') ? join(here, '../../../daemon/src/main.ts') : join(here, '../somad.mjs')
}
