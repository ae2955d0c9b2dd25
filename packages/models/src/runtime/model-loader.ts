import { type Log, isSomaError } from '@soma/core'
import type { HostFacts, LoadOptions, ModelPackage } from '@soma/spec'
import type { RunnableModel, Registry } from '../ports.ts'
import type { EnginePool } from './engine-pool.ts'
import type { EngineProcess } from './engine-process.ts'
import { memoryShort } from './residency.ts'
import type { RestartDelays } from './restart-delays.ts'

export interface ModelLoaderDeps {
  readonly registry: Pick<Registry, 'open'>
  readonly pool: EnginePool
  readonly delays: RestartDelays
  readonly hostFacts: () => HostFacts
  readonly log: Log
}

export interface ModelLoaderOptions {
  /** CPU threads per engine; 0 takes all that this process may use. */
  readonly threads: number
  /** Stays free beside the estimate. */
  readonly memoryReserveBytes: number
}

interface Waits {
  readonly signal: AbortSignal
}

/** Brings one model into memory: package, process, memory check, load. What it took is given back when a step fails. */
export class ModelLoader {
  readonly #deps: ModelLoaderDeps
  readonly #options: ModelLoaderOptions

  constructor(deps: ModelLoaderDeps, options: ModelLoaderOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** @throws {SomaError} whatever a step fails with; nothing of the model is in memory then. */
  async load(model: RunnableModel, waits: Waits): Promise<EngineProcess> {
    const { registry, pool, delays } = this.#deps
    delays.check(model.engine, model.name)
    await using open = new AsyncDisposableStack()
    const pkg = open.use(await registry.open(model))
    const process = await this.#start(model, pkg, waits)
    // The engine may read the files at any time until it ends.
    const files = open.move()
    void process.ended.then(async ({ isFailure }) => {
      if (isFailure) delays.failed(model.engine, model.name)
      await files.disposeAsync()
    })
    pool.refill(model.engine)
    return process
  }

  async #start(model: RunnableModel, pkg: ModelPackage, waits: Waits): Promise<EngineProcess> {
    const { pool, delays, hostFacts } = this.#deps
    const options = this.#loadOptions(model, hostFacts())
    try {
      const process = await pool.take(model.engine, waits)
      await this.#checkMemory(process, pkg, options, waits)
      await process.load(pkg, options, waits)
      return process
    } catch (error) {
      if (isEngineFailure(error)) delays.failed(model.engine, model.name)
      throw error
    }
  }

  #loadOptions({ settings }: RunnableModel, facts: HostFacts): LoadOptions {
    return { threads: this.#options.threads || facts.cpus, settings }
  }

  /** Before anything is loaded: an engine that runs out of memory is killed by the kernel, or takes others with it. */
  async #checkMemory(process: EngineProcess, pkg: ModelPackage, options: LoadOptions, waits: Waits): Promise<void> {
    try {
      const { residentBytes } = await process.estimate(pkg, options, waits)
      const { memoryAvailableBytes } = this.#deps.hostFacts()
      const availableBytes = Math.max(0, memoryAvailableBytes - this.#options.memoryReserveBytes)
      if (residentBytes > availableBytes) throw cannotFit(pkg.name, residentBytes, availableBytes)
    } catch (error) {
      this.#deps.pool.giveBack(process)
      throw error
    }
  }
}

function cannotFit(model: string, neededBytes: number, availableBytes: number): Error {
  const message = `model ${model} needs about ${mebibytes(neededBytes)} MiB of memory, ${mebibytes(availableBytes)} MiB are available; unload others first`
  return memoryShort(message, { model, neededBytes, availableBytes })
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}

function isEngineFailure(error: unknown): boolean {
  return isSomaError(error, 'engine/crashed') || isSomaError(error, 'engine/protocol') || isSomaError(error, 'engine/not-ready')
}
