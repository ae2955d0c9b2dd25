import { SomaError, abortError, untilAborted } from '@soma/core'
import type { SandboxFolders } from '@soma/host'
import type { EngineEntry, EngineProcessDeps } from './engine-connection.ts'
import { EngineProcess } from './engine-process.ts'

export interface PoolLimits {
  /** Processes kept started without a model, per engine in use. None where engines are confined to what they are started for. */
  readonly warmSpares: number
  readonly spareLingerMs: number
  /** Told of each process that has begun. */
  readonly started?: ((process: EngineProcess) => void) | undefined
}

export interface TakeOptions {
  readonly signal: AbortSignal
  /** What the process sees where engines are confined, beside its program: nothing when absent. */
  readonly folders?: SandboxFolders | undefined
}

/** The processes of one engine. */
interface Shelf {
  readonly entry: EngineEntry
  readonly processes: Set<EngineProcess>
  /** Started or starting, without a model, for the next load. */
  readonly spares: Array<Promise<EngineProcess>>
  failures: number
  linger: Disposable | undefined
}

/** Starts engine processes, and keeps some started in advance, so that a load need not wait for a program to start. */
export class EnginePool {
  readonly #deps: EngineProcessDeps
  readonly #limits: PoolLimits
  readonly #shelves: ReadonlyMap<string, Shelf>
  readonly #stop = new AbortController()

  constructor(deps: EngineProcessDeps, entries: readonly EngineEntry[], limits: PoolLimits) {
    this.#deps = deps
    this.#limits = limits
    const shelf = (entry: EngineEntry): Shelf => ({ entry, processes: new Set(), spares: [], failures: 0, linger: undefined })
    this.#shelves = new Map(entries.map((entry) => [entry.descriptor.id, shelf(entry)]))
  }

  get entries(): EngineEntry[] {
    return [...this.#shelves.values()].map(({ entry }) => entry)
  }

  get processes(): EngineProcess[] {
    return [...this.#shelves.values()].flatMap(({ processes }) => [...processes])
  }

  /** @throws {SomaError} `engine/not-found`. */
  status(engine: string): { readonly entry: EngineEntry; readonly processes: number; readonly failures: number } {
    const { entry, processes, failures } = this.#shelf(engine)
    return { entry, processes: processes.size, failures }
  }

  has(engine: string): boolean {
    return this.#shelves.has(engine)
  }

  /**
   * A process without a model: a spare if there is one.
   * @throws {SomaError} `engine/not-found`, what `EngineProcess.start` throws, or the signal's reason.
   */
  async take(engine: string, { signal, folders }: TakeOptions): Promise<EngineProcess> {
    const shelf = this.#shelf(engine)
    const spare = shelf.spares.shift()
    if (!spare) return await this.#start(shelf, { signal, folders })
    try {
      return await untilAborted(spare, signal)
    } catch (error) {
      if (!signal.aborted) throw error
      shelf.spares.unshift(spare)
      throw abortError(signal)
    }
  }

  /** Takes back a process that has loaded nothing. */
  giveBack(process: EngineProcess): void {
    const shelf = this.#shelf(process.descriptor.id)
    const isGood = process.state === 'spare' && process.boundTo === undefined
    if (isGood && shelf.spares.length < this.#limits.warmSpares) this.#keep(shelf, Promise.resolve(process))
    else void process.stop()
    this.#lingerIfUnused(shelf)
  }

  /** Starts the spares that are missing. Called once a load is done, so that they do not slow it down. */
  refill(engine: string): void {
    const shelf = this.#shelf(engine)
    shelf.linger?.[Symbol.dispose]()
    while (shelf.spares.length < this.#limits.warmSpares && !this.#stop.signal.aborted) this.#keep(shelf, this.#start(shelf, this.#stop))
  }

  /** Ends the spares: what waits for nobody takes memory. They are started anew with the next load. */
  dropSpares(): void {
    for (const shelf of this.#shelves.values()) this.#stopSpares(shelf)
  }

  /** Ends every process. */
  async stop(): Promise<void> {
    this.#stop.abort(new SomaError('daemon/stopping', 'the daemon is stopping and starts no more engines'))
    for (const { linger } of this.#shelves.values()) linger?.[Symbol.dispose]()
    const starting = [...this.#shelves.values()].flatMap(({ spares }) => spares)
    await Promise.allSettled([...this.processes.map((process) => process.stop()), ...starting])
  }

  #shelf(engine: string): Shelf {
    const shelf = this.#shelves.get(engine)
    if (shelf) return shelf
    const engines = [...this.#shelves.keys()]
    throw new SomaError('engine/not-found', `no engine is called "${engine}"; there are ${engines.join(', ') || 'none'}`, {
      details: { engine, engines },
    })
  }

  async #start(shelf: Shelf, { signal, folders }: TakeOptions): Promise<EngineProcess> {
    try {
      return await EngineProcess.start(this.#deps, shelf.entry, { signal, folders, seen: (process) => this.#watch(shelf, process) })
    } catch (error) {
      if (!signal.aborted) shelf.failures += 1
      throw error
    }
  }

  #watch(shelf: Shelf, process: EngineProcess): void {
    shelf.processes.add(process)
    this.#limits.started?.(process)
    void process.ended.then(({ isFailure }) => {
      shelf.processes.delete(process)
      if (isFailure && process.model !== null) shelf.failures += 1
      this.#lingerIfUnused(shelf)
    })
  }

  #keep(shelf: Shelf, spare: Promise<EngineProcess>): void {
    shelf.spares.push(spare)
    const drop = (): void => {
      const index = shelf.spares.indexOf(spare)
      if (index >= 0) void shelf.spares.splice(index, 1)
    }
    void spare.then(({ ended }) => ended).then(drop, drop)
  }

  /** When no model of the engine is in memory any more, its spares follow after a while. */
  #lingerIfUnused(shelf: Shelf): void {
    const isUsed = [...shelf.processes].some(({ model }) => model !== null)
    if (isUsed || shelf.spares.length === 0) return
    shelf.linger?.[Symbol.dispose]()
    shelf.linger = this.#deps.clock.schedule(this.#limits.spareLingerMs, () => this.#stopSpares(shelf))
  }

  #stopSpares(shelf: Shelf): void {
    for (const spare of shelf.spares.splice(0))
      void spare.then(
        (process) => process.stop(),
        () => undefined,
      )
  }
}
