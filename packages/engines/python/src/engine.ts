import type { SomaError } from '@soma/core'
import type { Engine } from '@soma/spec'
import { descriptor } from './index.ts'
import { unsupported } from './load.ts'

/**
 * The engine of a machine without a Python for it: says what to install, whatever is asked. With one, Python itself speaks
 * (`python/main.py`) and nothing of this runs.
 */
export function createEngine(missing: SomaError, managed?: string): Engine {
  const refuse = (): never => {
    throw missing
  }
  return {
    descriptor,
    probe: () => unsupported(missing, managed),
    estimate: refuse,
    load: () => Promise.reject(missing),
    // oxlint-disable-next-line require-yield
    convert: async function* () {
      throw missing
    },
  }
}
