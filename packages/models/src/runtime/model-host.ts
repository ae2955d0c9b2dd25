import { type Clock, type Log, type Rng, SomaError, canonicalJson } from '@soma/core'
import { type ChildSpawner, type Pressure, type Priorities, computeThreads } from '@soma/host'
import type { Config, HostFacts, LoadOptions, ModelPackage, ResidencySetting, SomaEvent } from '@soma/spec'
import type { RecordWrite, Records } from '@soma/store'
import type { InstalledModel, Registry } from '../ports.ts'
import type { DeviceBudget } from '../selection/facts.ts'
import { whoRuns } from '../selection/who-runs.ts'
import { AdaptivePlans } from './adaptive-plans.ts'
import { total } from './budget.ts'
import { Budgets } from './budgets.ts'
import { type EngineAnswer, askEngine } from './device-choice.ts'
import { EngineChoice } from './engine-choice.ts'
import { type EngineEntry, type EngineTimes, engineTimes } from './engine-connection.ts'
import { foldersOf } from './engine-folders.ts'
import { EnginePool } from './engine-pool.ts'
import type { EngineProcess } from './engine-process.ts'
import { History } from './history.ts'
import { SPARE_LINGER_MS } from './limits.ts'
import { LearnedRecords } from './learned-records.ts'
import { ModelLoader, type PreparedModel } from './model-loader.ts'
import { type ChosenModel, ModelSettings, type Override, checkOwnFiles, isSameModel, noOverride, withOverride } from './model-settings.ts'
import { limitsFrom } from './residency-limits.ts'
import { type Leaving, type ResidencyLimits, settingOf } from './residency-state.ts'
import { residencyText } from './residency-text.ts'
import { Residency } from './residency.ts'
import { RestartDelays } from './restart-delays.ts'
import { StepBack } from './step-back.ts'
import { whyLeft } from './why.ts'

export interface RuntimeDeps {
  readonly registry: Registry
  readonly engines: readonly EngineEntry[]
  readonly spawn: ChildSpawner['spawn']
  readonly hostFacts: () => HostFacts
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** What users set for models is kept there; nothing is kept when absent. */
  readonly records?: Pick<Records, 'scan'>
  /** Commits what was learned of models, beside all calls; it is forgotten at the end when absent. */
  readonly keep?: (writes: readonly RecordWrite[]) => void
  /** A private folder for what models write when they are parked; they write nothing when absent. */
  readonly stateDirectory?: string
  /** How engines step back for programs of the foreground; they do not when absent. */
  readonly priorities?: Priorities
  /** Told of what happens outside calls: `model.loaded`, `model.unloaded`. */
  readonly emit?: (event: Pick<SomaEvent, 'name' | 'resource' | 'data'>) => void
}

export interface RuntimeOptions extends Readonly<Config['models']> {
  readonly times?: Partial<EngineTimes>
  readonly spareLingerMs?: number
  readonly memoryReserveBytes?: number
  /** Engines overwrite prompts, answers and caches after use, and keep no state of them. */
  readonly scrub?: boolean
}

/** Whom the host of models tells that calls may start, or may no longer. */
export interface Doors {
  readonly opened: (model: string, seats: number) => void
  readonly closed: (model: string) => void
  readonly refused: (model: string, error: SomaError) => void
}

/** Models in memory: chosen engines, processes, budgets, residency. */
export class ModelHost {
  readonly pool: EnginePool
  readonly delays: RestartDelays
  readonly residency: Residency<EngineProcess, PreparedModel>
  readonly settings = new ModelSettings()
  readonly history: History
  readonly limits: ResidencyLimits
  readonly choice: EngineChoice
  readonly loader: ModelLoader
  readonly #budgets: Budgets
  readonly #plans: AdaptivePlans
  readonly #learned: LearnedRecords | undefined
  readonly #stepBack: StepBack | undefined
  readonly #deps: RuntimeDeps
  readonly #options: RuntimeOptions
  /** What each process has loaded. */
  readonly #loadedFrom = new WeakMap<EngineProcess, ChosenModel>()

  constructor(deps: RuntimeDeps, options: RuntimeOptions, doors: Doors) {
    const { clock, log, hostFacts, registry } = deps
    const { warmSpares, spareLingerMs = SPARE_LINGER_MS } = options
    const times = { ...engineTimes, ...options.times }
    this.#deps = deps
    this.#options = options
    this.history = new History(clock)
    this.delays = new RestartDelays(deps)
    this.pool = new EnginePool({ spawn: deps.spawn, clock, log, times }, deps.engines, {
      warmSpares,
      spareLingerMs,
      started: (process) => void this.#stepBack?.started(process),
    })
    this.#plans = new AdaptivePlans(clock)
    this.#learned = this.#createLearned()
    this.#stepBack = deps.priorities && new StepBack({ priorities: deps.priorities, processes: () => this.pool.processes, log })
    const descriptors = deps.engines.map(({ descriptor }) => descriptor)
    this.choice = new EngineChoice(descriptors, hostFacts)
    // What is to be forgotten is not written.
    const stateDirectory = options.scrub ? undefined : deps.stateDirectory
    const { pool, delays } = this
    this.loader = new ModelLoader({ registry, pool, delays, hostFacts, budgets: () => this.budgets(), clock, log, stateDirectory }, options)
    this.#budgets = new Budgets(hostFacts, () => this.#heldBytes(), options)
    this.limits = limitsFrom(options)
    this.residency = new Residency(this.#residencyDeps(doors), this.limits)
  }

  /** Reads what users set, and brings in what is to stay in memory. */
  start(): void {
    if (this.#deps.records) this.settings.read(this.#deps.records, this.#deps.log)
    if (this.#learned) this.#plans.remember(this.#learned.read())
    this.residency.refreshLimits()
    for (const [model, setting] of this.settings.residency()) {
      if (!this.#find(model)) continue
      this.#recall(model)
      this.#applyResidency(model, setting)
    }
  }

  async stop(): Promise<void> {
    this.#learned?.flush()
    await this.residency.stop()
    await this.pool.stop()
  }

  engineOf(model: InstalledModel): string | null {
    return this.settings.override(model.name).engine ?? this.choice.of(model)
  }

  /** @throws {SomaError} `model/unsupported` when no engine here runs it. */
  chosen(model: InstalledModel): ChosenModel {
    const engine = this.engineOf(model)
    if (engine === null || !this.pool.has(engine)) throw this.#unsupported(model, engine)
    return withOverride(model, engine, this.settings.override(model.name))
  }

  /** What an engine is told of a model: what the package says, and what the user chose for the engine that runs it. */
  settingsFor(model: InstalledModel, engine: string): ChosenModel['settings'] {
    const override = this.settings.override(model.name)
    return withOverride(model, engine, this.engineOf(model) === engine ? override : noOverride).settings
  }

  /** Changes with the package, its engine, device and settings. */
  identityOf(model: InstalledModel): string {
    const { digest, engine, device, settings } = this.chosen(model)
    return canonicalJson({ digest, engine, device: device ?? null, settings })
  }

  /** The process that has this package loaded with these settings, and not those it took the place of. */
  current(model: InstalledModel): EngineProcess | undefined {
    const process = this.residency.find(model.name)
    const loaded = process && this.#loadedFrom.get(process)
    return loaded && isSameModel(loaded, this.chosen(model)) ? process : undefined
  }

  isLoaded(name: string): boolean {
    return this.residency.find(name) !== undefined
  }

  /** A model that was replaced since it was loaded: calls from now on wait for its new package. */
  dropStale(model: InstalledModel): void {
    const { name } = model
    this.#recall(name)
    const process = this.residency.processOf(name)
    const loaded = process && this.#loadedFrom.get(process)
    if (!loaded || isSameModel(loaded, this.chosen(model))) return
    this.residency.post({ type: 'forget', model: name })
    void this.residency.unload(name, endless)
  }

  /** What an engine says of a model, without loading it. @throws {SomaError} what its start or its answer fails with. */
  async ask(model: ChosenModel, pkg: ModelPackage, waits: { readonly signal: AbortSignal }): Promise<EngineAnswer> {
    const folders = foldersOf(this.pool.status(model.engine).entry.descriptor, model, pkg)
    const process = await this.pool.take(model.engine, { ...waits, folders })
    try {
      const question = { pkg, options: this.#loadOptions(model), host: this.#deps.hostFacts(), budgets: this.budgets() }
      return await askEngine(process, question, waits)
    } finally {
      this.pool.giveBack(process)
    }
  }

  /** What models may take, and take, of each device, as last looked at. */
  budgets(): DeviceBudget[] {
    const { limits, places } = this.residency.state
    const used = total([...places.values()].map(({ bytes }) => bytes))
    return Object.entries(limits).map(([device, limitBytes]) => ({
      device,
      limitBytes: Math.round(limitBytes),
      usedBytes: Math.max(0, Math.round(used[device] ?? 0)),
    }))
  }

  /** Its engine's id; empty when it has none, or is gone. */
  engineNameOf(name: string): string {
    const model = this.#find(name)
    return (model && this.engineOf(model)) ?? ''
  }

  /** Engine, device or settings of a model were changed: it is loaded anew when it is called next. */
  configure(model: InstalledModel, override: Override): void {
    this.settings.setOverride(model.name, override)
    this.history.note(model.name, 'configured', 'Its engine, device or settings were changed.')
    this.dropStale(model)
  }

  /** The model is gone, and with it what was set for it. */
  forget(name: string): void {
    this.settings.forget(name)
    this.history.forget(name)
    this.#plans.forget(name)
    this.#learned?.forget(name)
    this.residency.post({ type: 'forget', model: name })
    this.residency.post({ type: 'set', model: name, setting: null })
  }

  residencyOf(name: string): ResidencySetting {
    return settingOf(this.residency.state, name, this.limits)
  }

  setResidency(name: string, setting: ResidencySetting): void {
    this.settings.setResidency(name, setting)
    this.history.note(name, 'set', `Its residency is ${residencyText(setting)}${setting.pinned ? ', pinned' : ''} now.`)
    this.residency.refreshLimits()
    this.#applyResidency(name, setting)
  }

  /** A call of the model came. */
  arrived(model: string): void {
    this.#plans.observe(model)
    this.#learned?.changed(model)
    if (this.residencyOf(model).mode === 'adaptive') this.residency.post({ type: 'plan', model, plan: this.#plans.afterCall(model) })
  }

  /** Whether a model is on an accelerator now. */
  usesAccelerators(): boolean {
    return this.pool.processes.some(({ device = 'cpu' }) => device !== 'cpu')
  }

  /** Memory is short outside our own books, or is no longer. */
  pressed({ level, devices }: Pressure): void {
    this.residency.refreshLimits()
    const free = Object.fromEntries(devices.map(({ device, bytesToFree }) => [device, bytesToFree]))
    this.residency.post({ type: 'pressure', isOn: level !== 'none', free })
  }

  /** A program of the foreground has begun, or has ended. */
  async foreground(isOn: boolean): Promise<void> {
    this.residency.post({ type: 'foreground', isOn })
    if (isOn) this.pool.dropSpares()
    await this.#stepBack?.set(isOn)
  }

  /** Whether a record of what was learned of the model goes with it. */
  hasLearned(name: string): boolean {
    return this.#learned?.has(name) === true
  }

  #createLearned(): LearnedRecords | undefined {
    const { clock, log, records, keep } = this.#deps
    if (!records || !keep) return undefined
    return new LearnedRecords({
      clock,
      log,
      records,
      keep,
      identityOf: (name) => this.#identityNow(name),
      knownOf: (name) => this.residency.state.known.get(name),
      habitsOf: (name) => this.#plans.habitsOf(name),
    })
  }

  #identityNow(name: string): string | undefined {
    const model = this.#find(name)
    const engine = model && this.engineOf(model)
    return model && typeof engine === 'string' && this.pool.has(engine) ? this.identityOf(model) : undefined
  }

  /** What was learned of it before the restart. */
  #recall(model: string): void {
    const known = this.#learned?.take(model)
    if (known) this.residency.post({ type: 'remember', model, known })
  }

  #planReturn(model: string): void {
    if (this.residencyOf(model).mode !== 'adaptive') return
    const { loadMs = 0 } = this.residency.state.known.get(model) ?? {}
    this.residency.post({ type: 'plan', model, plan: this.#plans.whileAway(model, loadMs) })
  }

  #applyResidency(model: string, setting: ResidencySetting): void {
    this.residency.post({ type: 'set', model, setting })
    this.#planReturn(model)
  }

  #residencyDeps(doors: Doors): ConstructorParameters<typeof Residency<EngineProcess, PreparedModel>>[0] {
    const { loader } = this
    return {
      clock: this.#deps.clock,
      limits: () => this.#budgets.limits(),
      most: () => this.#budgets.most(),
      prepare: (name, waits) => this.#prepare(name, waits),
      load: async (name, prepared, waits) => {
        const ready = prepared ?? (await this.#prepare(name, waits))
        const loaded = await loader.load(ready, waits)
        this.#loadedFrom.set(loaded.process, ready.model)
        loaded.process.lame = () => void this.residency.unload(name, endless)
        return loaded
      },
      reload: (_name, process, waits) => loader.reload(process, waits),
      park: (_name, process) => loader.park(process),
      measure: (process) => loader.measure(process, endless),
      opened: doors.opened,
      closed: doors.closed,
      refused: (name, error) => {
        this.history.note(name, 'refused', error.message)
        doors.refused(name, error)
      },
      loaded: (name, loadMs, isWarm) => {
        this.#learned?.changed(name)
        this.history.note(name, 'loaded', isWarm ? `Into its warm process, in ${Math.round(loadMs)} ms.` : `In ${Math.round(loadMs)} ms.`)
        this.#happened('model.loaded', name, { loadMs: Math.round(loadMs) })
      },
      unloaded: (name, leaving) => this.#unloaded(name, leaving),
    }
  }

  async #prepare(name: string, waits: { readonly signal: AbortSignal }): Promise<PreparedModel> {
    const installed = this.#deps.registry.get(name)
    const model = this.chosen(installed)
    checkOwnFiles(this.pool.status(model.engine).entry.descriptor, installed)
    return await this.loader.prepare(model, this.#loadOptions(model), waits)
  }

  #loadOptions({ settings, device }: ChosenModel): LoadOptions {
    const busy = this.pool.processes.filter(({ state }) => state === 'busy')
    const own = busy.reduce((sum, process) => sum + this.loader.threadsOf(process), 0)
    const threads = this.#options.threads || computeThreads(this.#deps.hostFacts(), own)
    return { threads, settings, ...(device !== undefined && { device }), ...(this.#options.scrub && { scrub: true }) }
  }

  #unloaded(name: string, leaving: Leaving | undefined): void {
    const reason = leaving?.reason ?? 'ended'
    this.history.note(name, leaving?.to === 'park' ? 'parked' : leaving ? 'unloaded' : 'ended', whyLeft(leaving, this.residencyOf(name)))
    this.#happened('model.unloaded', name, { reason })
    this.#planReturn(name)
  }

  #heldBytes(): number {
    return this.pool.processes.reduce((sum, { model, privateBytes }) => sum + (model === null ? 0 : privateBytes), 0)
  }

  #find(name: string): InstalledModel | undefined {
    try {
      const model = this.#deps.registry.get(name)
      return model.name === name ? model : undefined
    } catch {
      return undefined
    }
  }

  #unsupported({ name, format }: InstalledModel, engine: string | null): SomaError {
    const entries = this.pool.entries.map(({ descriptor }) => ({ descriptor }))
    const message =
      engine === null
        ? `model ${name}: ${whoRuns(format, entries)}`
        : `model ${name} needs engine ${engine}, which this daemon does not have`
    return new SomaError('model/unsupported', message, { details: { model: name, format, engine } })
  }

  #happened(event: string, model: string, data: SomaEvent['data']): void {
    this.#deps.log.info(event, { model, ...data })
    this.#deps.emit?.({ name: event, resource: `model/${model}`, data })
  }
}

/** Of what nobody waits for. */
export const endless: { readonly signal: AbortSignal } = { signal: new AbortController().signal }
