import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, type Log, SomaError, assert, isSomaError, toSomaError } from '@soma/core'
import type { SandboxFolders } from '@soma/host'
import type { HostFacts, LoadOptions, MemoryEstimate, MemoryUsage, ModelPackage } from '@soma/spec'
import type { Registry } from '../ports.ts'
import type { ChosenModel } from './model-settings.ts'
import { type Deadline, startDeadline } from '../deadline.ts'
import type { DeviceBudget } from '../selection/facts.ts'
import type { Bytes } from './budget.ts'
import { chooseDevice } from './device-choice.ts'
import { foldersOf } from './engine-folders.ts'
import type { EnginePool } from './engine-pool.ts'
import type { EngineProcess } from './engine-process.ts'
import { PARK_MS_MAX } from './limits.ts'
import { type LoadTimeOptions, startLoadDeadline } from './load-time.ts'
import type { LoadedModel, Prepared } from './residency-ports.ts'
import type { RestartDelays } from './restart-delays.ts'

export interface ModelLoaderDeps {
  readonly registry: Pick<Registry, 'open'>
  readonly pool: EnginePool
  readonly delays: RestartDelays
  readonly hostFacts: () => HostFacts
  /** Of the machine and its accelerators, as last looked at. */
  readonly budgets: () => readonly DeviceBudget[]
  readonly clock: Clock
  readonly log: Log
  /** A private folder for what models write when they are parked, a folder for each process; they write nothing when absent. */
  readonly stateDirectory?: string | undefined
}

interface Waits {
  readonly signal: AbortSignal
}

interface Asked {
  readonly pkg: ModelPackage
  readonly options: LoadOptions
  readonly folders: SandboxFolders
}

interface Planned {
  readonly process: EngineProcess
  readonly options: LoadOptions
  readonly estimate: MemoryEstimate
}

/** A package that is laid out and a process that can load it; nothing of the model is in memory yet. */
export class PreparedModel implements Prepared {
  readonly model: ChosenModel
  readonly pkg: ModelPackage
  readonly process: EngineProcess
  readonly options: LoadOptions
  /** Of the process alone. */
  readonly stateDirectory: string | undefined
  readonly bytes: Bytes
  readonly smaller: MemoryEstimate['smaller']
  readonly #pool: EnginePool
  readonly #files: AsyncDisposableStack
  #isTaken = false

  constructor(
    parts: Pick<PreparedModel, 'model' | 'pkg' | 'process' | 'options' | 'stateDirectory' | 'bytes' | 'smaller'>,
    pool: EnginePool,
    files: AsyncDisposableStack,
  ) {
    this.model = parts.model
    this.pkg = parts.pkg
    this.process = parts.process
    this.options = parts.options
    this.stateDirectory = parts.stateDirectory
    this.bytes = parts.bytes
    this.smaller = parts.smaller
    this.#pool = pool
    this.#files = files
  }

  /** The caller sees to the process from now on, and to the package, which this closes. */
  take(): AsyncDisposableStack {
    this.#isTaken = true
    return this.#files
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isTaken) return
    this.#pool.giveBack(this.process)
    await this.#files.disposeAsync()
  }
}

/** Brings one model into memory: package, process, estimate, load. What it took is given back when a step fails. */
export class ModelLoader {
  readonly #deps: ModelLoaderDeps
  readonly #options: LoadTimeOptions
  /** What each process was loaded with: for loading it again. */
  readonly #loads = new WeakMap<EngineProcess, Pick<PreparedModel, 'pkg' | 'options' | 'stateDirectory'>>()
  #states = 0

  constructor(deps: ModelLoaderDeps, options: LoadTimeOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** Asks the engine what loading will take. @throws {SomaError} whatever a step fails with; nothing is left of it then. */
  async prepare(model: ChosenModel, options: LoadOptions, waits: Waits): Promise<PreparedModel> {
    const { registry, pool, delays } = this.#deps
    delays.check(model.engine, model.name)
    await using open = new AsyncDisposableStack()
    const pkg = open.use(await registry.open(model))
    const stateDirectory = this.#newStateDirectory(open)
    const folders = foldersOf(pool.status(model.engine).entry.descriptor, model, pkg, stateDirectory)
    try {
      const taken = await pool.take(model.engine, { ...waits, folders })
      using deadline = this.#deadline(taken, pkg, waits)
      const planned = await this.#plan(taken, { pkg, options, folders }, deadline)
      const { process, estimate } = planned
      const memory = { bytes: this.#bytesOf(estimate), smaller: estimate.smaller }
      return new PreparedModel({ model, pkg, process, options: planned.options, stateDirectory, ...memory }, pool, open.move())
    } catch (error) {
      if (isEngineFailure(error)) delays.failed(model.engine, model.name)
      throw error
    }
  }

  /** Where it will run, and what it takes there; in another process where that one had to look at another device first. */
  async #plan(taken: EngineProcess, { pkg, options, folders }: Asked, waits: Waits): Promise<Planned> {
    const { hostFacts, budgets, pool } = this.#deps
    let process = taken
    try {
      const device = await chooseDevice(process, { pkg, options, host: hostFacts(), budgets: budgets() }, waits)
      if (process.boundTo !== undefined && process.boundTo !== device) {
        pool.giveBack(process)
        process = await pool.take(process.descriptor.id, { ...waits, folders })
      }
      const planned = device === undefined ? options : { ...options, device }
      return { process, options: planned, estimate: await process.estimate(pkg, planned, waits) }
    } catch (error) {
      if (isEngineFailure(error)) void process.kill(toSomaError(error))
      else pool.giveBack(process)
      throw error
    }
  }

  /** @throws {SomaError} whatever a step fails with; nothing of the model is in memory then. */
  async load(prepared: PreparedModel, waits: Waits): Promise<LoadedModel<EngineProcess>> {
    const { pool, delays } = this.#deps
    const { model, pkg, process, options, stateDirectory } = prepared
    const files = prepared.take()
    using deadline = this.#deadline(process, pkg, waits)
    try {
      await process.load(pkg, options, deadline)
    } catch (error) {
      if (isEngineFailure(error)) delays.failed(model.engine, model.name)
      await files.disposeAsync()
      throw error
    }
    // The engine may read the files at any time until it ends.
    void process.ended.then(async ({ isFailure }) => {
      if (isFailure) delays.failed(model.engine, model.name)
      await files.disposeAsync()
    })
    this.#loads.set(process, { pkg, options, stateDirectory })
    pool.refill(model.engine)
    return await this.#loaded(process, deadline)
  }

  /** Into the process that it was parked in. @throws {SomaError} as `load`. */
  async reload(process: EngineProcess, waits: Waits): Promise<LoadedModel<EngineProcess>> {
    const load = this.#loads.get(process)
    assert(load, 'a parked process was loaded before')
    const { pkg, options, stateDirectory } = load
    using deadline = this.#deadline(process, pkg, waits)
    await process.load(pkg, { ...options, ...(stateDirectory !== undefined && { stateDirectory }) }, deadline)
    return await this.#loaded(process, deadline)
  }

  /** Takes the weights out of memory; the process stays. @returns what it still takes. */
  async park(process: EngineProcess): Promise<Bytes> {
    const { clock } = this.#deps
    using deadline = startDeadline(
      clock,
      PARK_MS_MAX,
      () => new SomaError('call/timeout', `the engine took over ${PARK_MS_MAX} ms to give memory back`),
    )
    const stateDirectory = this.#loads.get(process)?.stateDirectory
    if (stateDirectory !== undefined) await makeEmpty(stateDirectory)
    await process.park(deadline, stateDirectory)
    return { memory: process.rssBytes }
  }

  /** CPU threads that it may use. */
  threadsOf(process: EngineProcess): number {
    return this.#loads.get(process)?.options.threads ?? 1
  }

  async measure(process: EngineProcess, waits: Waits): Promise<Bytes> {
    // One that computes on its only thread answers when it is done; what the system says of it must do then.
    if (process.state === 'busy') return { memory: process.rssBytes }
    const { residentBytes, deviceBytes } = await process.health(waits)
    return this.#bytesOf({ residentBytes: residentBytes || process.rssBytes, deviceBytes })
  }

  #deadline({ descriptor }: EngineProcess, pkg: ModelPackage, { signal }: Waits): Deadline {
    return startLoadDeadline(this.#deps.clock, { engine: descriptor, pkg, signal }, this.#options)
  }

  /** Gone with the process: it tells what the model was asked. */
  #newStateDirectory(open: AsyncDisposableStack): string | undefined {
    const { stateDirectory, log } = this.#deps
    if (stateDirectory === undefined) return undefined
    const own = join(stateDirectory, String(++this.#states))
    open.defer(async () => {
      await rm(own, { recursive: true, force: true }).catch((error: unknown) => {
        log.warn('the state of a model could not be removed', { path: own, error })
      })
    })
    return own
  }

  async #loaded(process: EngineProcess, waits: Waits): Promise<LoadedModel<EngineProcess>> {
    try {
      return { process, bytes: await this.measure(process, waits), seats: process.loaded.concurrency }
    } catch (error) {
      // Nobody else knows yet that it holds the model.
      await process.kill(toSomaError(error))
      throw error
    }
  }

  /** Accelerators that share the machine's memory are part of it. */
  #bytesOf({ residentBytes, deviceBytes = {} }: MemoryUsage): Bytes {
    const { accelerators = [] } = this.#deps.hostFacts()
    const unified = new Set(accelerators.filter(({ unified }) => unified).map(({ id }) => id))
    const bytes: Record<string, number> = { memory: residentBytes }
    for (const [device, count] of Object.entries(deviceBytes)) {
      const at = unified.has(device) ? 'memory' : device
      bytes[at] = (bytes[at] ?? 0) + count
    }
    return bytes
  }
}

/** The folder itself stays: a confined process has it mounted. */
async function makeEmpty(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true, force: true })
}

function isEngineFailure(error: unknown): boolean {
  return isSomaError(error, 'engine/crashed') || isSomaError(error, 'engine/protocol') || isSomaError(error, 'engine/not-ready')
}
