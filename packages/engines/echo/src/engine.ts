import type { Engine } from '@soma/spec'
import { descriptor } from './index.ts'
import { load, readModel } from './load.ts'
import type { EchoDeps } from './run.ts'

export function createEngine(deps: EchoDeps): Engine {
  return {
    descriptor,
    probe: () => ({ supported: true, reason: '', devices: ['cpu'] }),
    async estimate(pkg, options) {
      const { residentBytes } = await readModel(pkg, options)
      return { residentBytes }
    },
    load: async (pkg, options, ctx) => load(deps, await readModel(pkg, options), ctx),
  }
}
