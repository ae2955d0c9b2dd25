import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { assert } from '@soma/core'

/** The daemon's program: beside this one in a release, in its own package in a checkout. */
export function daemonEntry(): string {
  const candidates = ['./somad.mjs', '../somad.mjs', '../../../daemon/src/main.ts'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  )
  const found = candidates.find((path) => existsSync(path))
  assert(found, 'the daemon comes with the command')
  return found
}
