import type { Engine } from '@soma/spec'
import { descriptor } from './index.ts'
import { PROCESS_BYTES } from './limits.ts'
import { type RemoteDeps, load } from './load.ts'
import { readEndpoint } from './options.ts'

export function createEngine(deps: RemoteDeps): Engine {
  const off = 'it hands input on to other servers, which the user has to allow first: `soma config set engines.remote local`, or `any`'
  return {
    descriptor,
    probe: () =>
      deps.policy.mode === 'off' ? { supported: false, reason: off, devices: [] } : { supported: true, reason: '', devices: ['cpu'] },
    async estimate(pkg, options) {
      await readEndpoint(pkg, options)
      return { residentBytes: PROCESS_BYTES }
    },
    load: async (pkg, options, ctx) => load(deps, await readEndpoint(pkg, options), ctx),
  }
}
