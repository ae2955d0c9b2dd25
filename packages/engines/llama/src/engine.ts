import type { Engine } from '@soma/spec'
import { estimate } from './estimate.ts'
import { descriptor } from './index.ts'
import { type LoadDeps, load } from './load.ts'
import { probe } from './probe.ts'

export type LlamaDeps = LoadDeps

/** Its library takes half a second to load: by the first use, or by whoever has time before. */
export function createEngine(deps: LlamaDeps): Engine {
  return {
    descriptor,
    probe: (host) => probe(deps.runtime, host),
    estimate: (pkg, options) => estimate(deps.runtime, pkg, options),
    load: (pkg, options, ctx) => load(deps, pkg, options, ctx),
  }
}
