import { type Clock, VERSION } from '@soma/core'
import { type CallOutput, type Handlers, callTable, describeCalls } from '@soma/spec'
import { type Hardware, diagnose, diskSpace, gatherDoctorFacts, listSettings, setSettings } from '@soma/host'
import type { Kernel } from '@soma/kernel'
import type { Store } from '@soma/store'
import type { SomaOptions } from './options.ts'

type Status = CallOutput<'system.status'>

export interface SystemHandlerDeps {
  readonly clock: Clock
  readonly options: SomaOptions
  readonly store: Store
  readonly hardware: Hardware
  readonly kernel: () => Kernel
  readonly faces: () => Status['faces']
  readonly processes: () => Status['processes']
  readonly stopping: () => boolean
  /** The configuration file was changed. */
  readonly configured: () => void
  readonly shutdown: () => void
}

type SystemHandlers = { readonly [Name in keyof Handlers as Name extends `system.${string}` ? Name : never]: Handlers[Name] }

/** The calls of the system noun: the daemon speaking about itself. */
export function createSystemHandlers(deps: SystemHandlerDeps): SystemHandlers {
  const { clock, options } = deps
  const startedAt = clock.now()
  const startedMs = clock.monotonic()
  return {
    'system.health': () => ({ status: deps.stopping() ? 'stopping' : 'ok', version: VERSION, uptimeMs: clock.monotonic() - startedMs }),
    'system.status': () => status(deps, startedAt),
    'system.hardware': () => deps.hardware.look(),
    'system.calls': () => ({ calls: table() }),
    'system.echo': (input) => input,
    'system.doctor': async () => ({ checks: diagnose(await gatherDoctorFacts(options.paths, { env: options.env, clock })) }),
    'system.shutdown': (_input, { effects }) => {
      effects.committed(deps.shutdown)
      return {}
    },
    'system.configuration': () => ({ path: options.paths.configFile, settings: listSettings(options.paths.configFile) }),
    'system.configure': ({ set }, { effects }) => {
      const settings = setSettings(options.paths.configFile, set)
      effects.committed(deps.configured)
      effects.emit({ name: 'system.configured', resource: 'system/configuration', data: { keys: Object.keys(set) } })
      return { settings }
    },
  }
}

async function status(deps: SystemHandlerDeps, startedAt: number): Promise<Status> {
  const { options, store, hardware } = deps
  const { memoryBytes, memoryAvailableBytes } = hardware.facts()
  const { freeBytes } = await diskSpace(options.paths.data)
  const { blobs, sizeBytes } = store.blobs.usage()
  return {
    version: VERSION,
    node: process.version,
    pid: process.pid,
    startedAt,
    home: options.paths.data,
    faces: deps.faces(),
    memory: { rssBytes: process.memoryUsage.rss(), availableBytes: memoryAvailableBytes, totalBytes: memoryBytes },
    disk: { freeBytes, blobs, blobBytes: sizeBytes },
    processes: deps.processes(),
    models: store.records.count('package'),
    calls: deps.kernel().stats(),
  }
}

let cached: CallOutput<'system.calls'>['calls'] | undefined

/** The table as JSON Schemas; made when first asked for, because it never changes. */
function table(): CallOutput<'system.calls'>['calls'] {
  cached ??= describeCalls(callTable).map(({ name, summary, http, streaming, mutates, errors, input, output }) => {
    return { name, summary, http, streaming, mutates, errors: [...errors], input, output } as CallOutput<'system.calls'>['calls'][number]
  })
  return cached
}
