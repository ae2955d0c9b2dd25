import { VERSION } from '@soma/core'
import { createHttpFace } from '@soma/api-http'
import { createIpcFace } from '@soma/api-ipc'
import { createOpenAiTranslator } from '@soma/api-openai'
import {
  type Hardware,
  type MachineReader,
  createChildSpawner,
  createHardware,
  createHttpFetch,
  createMirroredFetch,
  createOfflineFetch,
  ensureFolders,
  readConfig,
  readThisMachine,
  removeDaemonFile,
  systemClock as clock,
  systemRng as rng,
  writeDaemonFile,
} from '@soma/host'
import { type Kernel, createCalls, createKernel } from '@soma/kernel'
import { type Models, createModels } from '@soma/models'
import type { CallOutput, Config } from '@soma/spec'
import { type Store, openStore } from '@soma/store'
import { createEditionHandlers } from './edition-handlers.ts'
import { engineSandbox } from './engine-sandbox.ts'
import { builtInEngines } from './engines.ts'
import { InstallSettings } from './install-settings.ts'
import { forgetAfterCalls } from './forget.ts'
import { forgetfulEnvironment } from './hardened-start.ts'
import { daemonMetrics } from './metrics.ts'
import { DRAIN_MS, type SomaOptions } from './options.ts'
import { withRemotePolicy } from './remote-policy.ts'
import { formatsOfHubs, withPython } from './python.ts'
import { allSources } from './sources.ts'
import { createSystemHandlers } from './system-handlers.ts'
import { ReadBuffer } from './read-buffer.ts'
import { type UserSourceFile, importUserSources } from './user-sources.ts'
import { enginePriorities, startWatchers } from './watchers.ts'

/** A running daemon. */
export interface Soma {
  readonly faces: CallOutput<'system.status'>['faces']
  readonly kernel: Kernel
  /** Resolves when the daemon has stopped, whoever asked for it. */
  readonly stopped: Promise<void>
  /** Takes no new calls, lets those under way finish, ends engines, makes everything durable. */
  stop(options?: { readonly drainMs?: number }): Promise<void>
}

interface Face {
  readonly kind: string
  start(): Promise<{ readonly address: string }>
  stop(options: { readonly drainMs: number }): Promise<void>
}

/**
 * The composition root: the only place that knows every part.
 * @throws {SomaError} `store/locked` when another daemon uses the same data, `config/invalid` when an address is taken.
 */
export async function createSoma(options: SomaOptions): Promise<Soma> {
  ensureFolders(options.paths)
  using unfinished = new DisposableStack()
  const store = unfinished.use(await openStore({ clock, rng, log: options.log }, { directory: options.paths.data }))
  const userSources = await importUserSources(options.paths.sources, options.log)
  const daemon = new Daemon(options, store, userSources)
  // From here on the daemon's own stop closes the store.
  unfinished.move()
  try {
    await daemon.start()
    return daemon
  } catch (error) {
    await daemon.stop({ drainMs: 0 })
    throw error
  }
}

class Daemon implements Soma {
  readonly faces: Array<CallOutput<'system.status'>['faces'][number]> = []
  readonly kernel: Kernel
  readonly stopped: Promise<void>
  readonly #options: SomaOptions
  readonly #store: Store
  readonly #models: Models
  readonly #faces: readonly Face[]
  readonly #http: AsyncDisposable
  readonly #hardware: Hardware
  readonly #machine: MachineReader
  #watchers: Disposable | undefined
  #forgetting: Disposable | undefined
  /** Unlike most settings these may change while the daemon runs. */
  #foreground: Config['foreground']
  readonly #over = Promise.withResolvers<void>()
  #stopping = false

  constructor(options: SomaOptions, store: Store, userSources: readonly UserSourceFile[]) {
    const { paths, config, env, log } = options
    this.#options = options
    this.#foreground = config.foreground
    this.#store = store
    this.stopped = this.#over.promise
    this.#machine = readThisMachine(env)
    this.#hardware = createHardware({ machine: this.#machine, clock })
    const install = new InstallSettings(config.install, env)
    const direct = createHttpFetch({ env, log, clock, userAgent: `soma/${VERSION}` })
    const mirrored = createMirroredFetch({ fetch: direct, clock, log }, () => install.now.mirrors)
    const fetch = createOfflineFetch(mirrored, () => install.now.offline)
    this.#http = direct
    const sandbox = engineSandbox(options)
    const engines = withRemotePolicy(withPython(options.engines ?? builtInEngines(), options), config.engines, { env, log }).filter(
      // Without a network they could only fail.
      ({ descriptor }) => !sandbox || descriptor.remote !== true,
    )
    const forgetful = forgetfulEnvironment(config)
    const formats = formatsOfHubs(engines)
    this.#models = createModels(
      {
        store,
        clock,
        rng,
        log,
        hostFacts: () => this.#hardware.facts(),
        ...allSources({ fetch, clock, rng, log, env, memoryBytes: this.#hardware.facts().memoryBytes, formats }, userSources),
        engines: engines.map((engine) => ({ ...engine, env: { ...engine.env, ...forgetful } })),
        children: createChildSpawner({ clock, log, env, directory: `${paths.run}/processes`, sandbox }),
        calls: (caller) => createCalls(this.kernel, caller),
        emit: (event) => this.kernel.emit(event),
        priorities: enginePriorities(this.#machine),
      },
      { models: config.models, scrub: config.engines.scrub, install: () => install.now },
    )
    const configured = (): void => {
      const changed = readConfig(paths.configFile)
      install.change(changed.install)
      this.#foreground = changed.foreground
    }
    const system = createSystemHandlers({
      clock,
      options,
      store,
      hardware: this.#hardware,
      kernel: () => this.kernel,
      faces: () => this.faces,
      processes: () => this.#models.processes(),
      stopping: () => this.#stopping,
      configured,
      // After the reply is on its way: stopping waits for calls under way, and this one is under way.
      shutdown: () => void clock.schedule(0, () => void this.stop()),
    })
    const editions = createEditionHandlers({ configFile: paths.configFile, configured })
    this.kernel = createKernel({ store, clock, rng, log }, { ...system, ...editions, ...this.#models.handlers })
    this.#faces = this.#createFaces()
  }

  /** The steps of a start, in order. The daemon file comes last: whoever sees it can call. */
  async start(): Promise<void> {
    await Promise.all([this.#hardware.look(), this.#models.start()])
    for (const face of this.#faces) this.faces.push({ kind: face.kind, ...(await face.start()) })
    this.kernel.note('system.started')
    const { paths, config } = this.#options
    if (config.engines.scrub) this.#forgetting = this.#forget()
    this.#watchers = this.#watch()
    writeDaemonFile(paths.daemonFile, { pid: process.pid, version: VERSION, startedAt: clock.now(), faces: this.faces })
  }

  #forget(): Disposable {
    using stack = new DisposableStack()
    const { paths, log } = this.#options
    const buffer = stack.use(new ReadBuffer(`${paths.run}/zero.sock`))
    const { gc } = globalThis
    const collect =
      gc &&
      ((): void => {
        // Of this kind also what V8 keeps because it may be wanted again: compiled code with its strings, results of searches.
        gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
      })
    stack.use(forgetAfterCalls({ clock, log, calls: () => this.kernel.stats(), collect, overwrite: () => buffer.overwrite() }))
    return stack.move()
  }

  #watch(): Disposable {
    const { log } = this.#options
    return startWatchers({
      clock,
      log,
      machine: this.#machine,
      hardware: this.#hardware,
      models: this.#models,
      settings: () => this.#foreground,
      usesAccelerators: () => this.#models.usesAccelerators(),
    })
  }

  async stop({ drainMs = DRAIN_MS }: { readonly drainMs?: number } = {}): Promise<void> {
    if (this.#stopping) return await this.stopped
    this.#stopping = true
    for (const step of this.#stopSteps(drainMs)) await this.#quietly(step)
    this.#over.resolve()
  }

  /** In order: the kernel comes after the models, whose last events it still writes down. */
  #stopSteps(drainMs: number): ReadonlyArray<() => unknown> {
    return [
      () => removeDaemonFile(this.#options.paths.daemonFile, process.pid),
      () => Promise.all([this.kernel.drain({ drainMs }), ...this.#faces.map((face) => this.#quietly(() => face.stop({ drainMs })))]),
      () => this.#watchers?.[Symbol.dispose](),
      () => this.#models.stop(),
      () => this.#forgetting?.[Symbol.dispose](),
      () => this.kernel.stop(),
      () => this.#http[Symbol.asyncDispose](),
      () => this.#store[Symbol.dispose](),
    ]
  }

  /** One part that fails to stop must not keep the others from it. */
  async #quietly(action: () => unknown): Promise<void> {
    try {
      await action()
    } catch (error) {
      this.#options.log.error('a part did not stop cleanly', { error })
    }
  }

  #createFaces(): Face[] {
    const { paths, config, log } = this.#options
    const ipc = createIpcFace({ dispatcher: this.kernel, clock, log, version: VERSION }, { path: paths.socket })
    const faces: Face[] = [{ kind: 'ipc', start: () => ipc.start(), stop: (options) => ipc.stop(options) }]
    if (!config.http.enabled) return faces
    const http = createHttpFace(
      {
        dispatcher: this.kernel,
        clock,
        rng,
        log,
        version: VERSION,
        metrics: () => daemonMetrics(this.kernel, this.#models, this.#store),
        readiness: () => (this.#stopping ? { ready: false, reason: 'the daemon is shutting down' } : { ready: true }),
      },
      { ...config.http, translators: [createOpenAiTranslator({ version: VERSION })] },
    )
    return [...faces, { kind: 'http', start: () => http.start(), stop: (options) => http.stop(options) }]
  }
}
