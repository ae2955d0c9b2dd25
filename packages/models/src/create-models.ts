import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log, Rng } from '@soma/core'
import type { Caller, Calls, Config, Handlers, HostFacts, Metric, Source } from '@soma/spec'
import type { Store } from '@soma/store'
import { type ChildSpawner, type Pressure, diskSpace } from '@soma/host'
import { createConvertHandler } from './convert/convert-model.ts'
import { removeDrafts } from './convert/draft-folder.ts'
import { createExchangeHandlers } from './exchange/create-exchange-handlers.ts'
import { createInstallHandlers } from './install/create-install-handlers.ts'
import type { Running } from './ports.ts'
import { createRegistry } from './registry/registry.ts'
import { suggestOnlyVisible } from './registry/visible-names.ts'
import type { EngineEntry } from './runtime/engine-connection.ts'
import { createEngineDoctor } from './runtime/engine-doctor.ts'
import { createRuntimeHandlers } from './runtime/handlers.ts'
import type { RuntimeDeps } from './runtime/model-host.ts'
import { type ProcessStatus, Runtime } from './runtime/runtime.ts'

export interface ModelsDeps {
  readonly store: Store
  /** In the order that help texts show them. */
  readonly sources: readonly Source[]
  /** Of the user's own sources: the file that each was loaded from. */
  readonly userSources?: ReadonlyMap<Source, string>
  /** In the order in which they are asked whether they know a package. */
  readonly engines: readonly EngineEntry[]
  readonly children: ChildSpawner
  readonly hostFacts: () => HostFacts
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** The kernel's calls on behalf of a caller, for calls that are made of others. */
  readonly calls: (caller: Caller) => Calls
  /** How engines step back for programs of the foreground; they do not when absent. */
  readonly priorities?: NonNullable<RuntimeDeps['priorities']>
  /** Told of what happens outside calls: `model.loaded`, `model.unloaded`. */
  readonly emit?: NonNullable<RuntimeDeps['emit']>
}

export interface Models {
  /** All calls on models and engines. */
  readonly handlers: Handlers
  readonly running: Running
  processes(): ProcessStatus[]
  /** Numbers for scraping. */
  metrics(): Metric[]
  /** Whether a model is on an accelerator now. */
  usesAccelerators(): boolean
  /** Memory is short, or is no longer. */
  pressed(pressure: Pressure): void
  /** A program of the foreground has begun, or has ended. */
  foreground(isOn: boolean): Promise<void>
  /** Ends what an earlier daemon left behind. Call it once the store is open: from then on nobody else can have started engines. */
  start(): Promise<void>
  /** Fails what still waits or runs, ends every process, and lets unfinished installs put their things away. */
  stop(): Promise<void>
}

export interface ModelsConfig {
  readonly models: Config['models']
  /** Engines overwrite what they were told after use. */
  readonly scrub?: boolean
  /** As they are now: they may change at any time. */
  readonly install: () => Config['install']
}

/** Models: installed by `install`, kept by `registry`, run by `runtime`. */
export function createModels(deps: ModelsDeps, config: ModelsConfig): Models {
  const { store, engines, children, hostFacts, clock, rng, log, emit } = deps
  const registry = createRegistry({ store, log })
  const stateDirectory = join(store.directory, 'engine-state')
  /** Of processes that are gone: it tells what they were asked. */
  const removeState = async (): Promise<void> => await rm(stateDirectory, { recursive: true, force: true })
  const runtime = new Runtime(
    {
      registry,
      engines,
      spawn: (child) => children.spawn(child),
      hostFacts,
      clock,
      rng,
      log,
      records: store.records,
      keep: (writes) => void store.commit({ writes, sync: false }),
      stateDirectory,
      ...(deps.priorities && { priorities: deps.priorities }),
      ...(emit && { emit }),
    },
    {
      ...config.models,
      // A confined process sees the model that it was started for, and no other.
      ...(children.isConfined && { warmSpares: 0 }),
      ...(config.scrub === true && { scrub: true }),
    },
  )
  const installs = createInstallHandlers({
    store,
    registry,
    running: runtime,
    sources: deps.sources,
    engines: () => engines.map(({ descriptor }) => descriptor),
    cpus: () => hostFacts().cpus,
    clock,
    rng,
    log,
    settings: config.install,
  })
  const exchange = createExchangeHandlers({
    ...deps,
    registry,
    running: runtime,
    engines: () => engines.map(({ descriptor }) => descriptor),
    settings: config.install,
  })
  const doctor = createEngineDoctor({
    engines: () => engines.map(({ descriptor }) => descriptor),
    ask: (id, waits) => runtime.engine(id, waits),
    hostFacts,
  })
  const convert = createConvertHandler({
    store,
    registry,
    rng,
    runtime,
    installer: installs.installer,
    engines: () => engines.map(({ descriptor }) => descriptor),
    freeBytes: async () => (await diskSpace(store.directory)).freeBytes,
  })
  const stopping = new AbortController()
  let warm: Promise<void> | undefined
  return {
    handlers: suggestOnlyVisible({
      ...installs.handlers,
      ...exchange,
      ...createRuntimeHandlers(runtime),
      'model.convert': convert,
      ...doctor,
    }),
    running: runtime,
    processes: () => runtime.processes(),
    metrics: () => runtime.metrics(),
    usesAccelerators: () => runtime.host.usesAccelerators(),
    pressed: (pressure) => runtime.host.pressed(pressure),
    foreground: (isOn) => runtime.host.foreground(isOn),
    start: async () => {
      await children.reapOrphans()
      await removeDrafts(store)
      await removeState()
      runtime.start()
      warm = registry.warmUp(stopping.signal).catch((error: unknown) => log.error('the models could not be read ahead', { error }))
    },
    stop: async () => {
      stopping.abort()
      await warm
      await runtime.stop()
      await removeState()
      await installs[Symbol.asyncDispose]()
    },
  }
}
