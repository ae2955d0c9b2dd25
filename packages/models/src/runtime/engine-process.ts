import { SomaError } from '@soma/core'
import type { SandboxFolders } from '@soma/host'
import {
  type EngineDescriptor,
  type EngineSupport,
  type HostFacts,
  type LoadOptions,
  type MemoryEstimate,
  type ModelMethod,
  type ModelPackage,
  SMI_VERSION,
  type SmiMethod,
  type smiMethods,
} from '@soma/spec'
import type { z } from 'zod'
import { startDeadline } from '../deadline.ts'
import {
  EngineConnection,
  type EngineEnd,
  type EngineEntry,
  type EngineProcessDeps,
  type SmiEvent,
  type SmiOutput,
  type StreamingSmiMethod,
} from './engine-connection.ts'
import { wrongAnswer } from './engine-failure.ts'

export type EngineState = 'starting' | 'spare' | 'loading' | 'ready' | 'busy' | 'parked' | 'stopping'
/** What a process has loaded. */
export type Loaded = SmiOutput<'load'>
export type StreamingModelMethod = Extract<ModelMethod, StreamingSmiMethod>
export type UnaryModelMethod = Exclude<ModelMethod, StreamingSmiMethod>
export type SmiInput<Method extends SmiMethod> = z.output<(typeof smiMethods)[Method]['input']>

interface Waits {
  readonly signal: AbortSignal
}

export interface StartOptions extends Waits {
  /** What it sees where engines are confined, beside its program. */
  readonly folders?: SandboxFolders | undefined
  /** Told of the process before it has answered. */
  readonly seen?: (process: EngineProcess) => void
}

/** One engine process through its life: starting (spawn, hello), spare, loading, ready or busy, stopping. */
export class EngineProcess {
  readonly descriptor: EngineDescriptor
  readonly #connection: EngineConnection
  readonly #deps: EngineProcessDeps
  #phase: 'starting' | 'spare' | 'loading' | 'ready' | 'parked' = 'starting'
  #loaded: Loaded | undefined
  #boundTo: string | undefined

  /**
   * Starts the process and shakes hands.
   * @throws {SomaError} `engine/not-ready`, `engine/crashed`, `engine/protocol`, or the signal's reason; the process is gone then.
   */
  static async start(deps: EngineProcessDeps, entry: EngineEntry, { signal, folders, seen }: StartOptions): Promise<EngineProcess> {
    const { descriptor, command, env } = entry
    const child = await deps.spawn({ name: `engine/${descriptor.id}`, command, ...(env && { env }), ...(folders && { folders }) })
    const process = new EngineProcess(deps, descriptor, new EngineConnection(deps, descriptor.id, child))
    seen?.(process)
    await process.#orEnd(() => process.#hello(signal))
    return process
  }

  private constructor(deps: EngineProcessDeps, descriptor: EngineDescriptor, connection: EngineConnection) {
    this.#deps = deps
    this.descriptor = descriptor
    this.#connection = connection
  }

  get pid(): number {
    return this.#connection.child.pid
  }

  /** Milliseconds since the epoch. */
  get startedAt(): number {
    return this.#connection.child.startedAt
  }

  /** Memory that only this process has: without files that it mapped. */
  get privateBytes(): number {
    return this.#connection.child.privateBytes()
  }

  get rssBytes(): number {
    return this.#connection.child.rssBytes()
  }

  get state(): EngineState {
    if (this.#connection.isEnding) return 'stopping'
    return this.#phase === 'ready' && this.#connection.running > 0 ? 'busy' : this.#phase
  }

  /** Where the model runs; undefined before it is loaded. */
  get device(): string | undefined {
    return this.#loaded?.device
  }

  /** The accelerator that it was asked about first: what libraries have begun there they cannot undo. */
  get boundTo(): string | undefined {
    return this.#boundTo
  }

  get model(): string | null {
    return this.#connection.model
  }

  /** Never rejects. */
  get ended(): Promise<EngineEnd> {
    return this.#connection.ended
  }

  /** What is loaded. @throws {SomaError} `engine/not-ready` before. */
  get loaded(): Loaded {
    if (this.#loaded) return this.#loaded
    throw new SomaError('engine/not-ready', `engine ${this.descriptor.id} has no model loaded yet`)
  }

  async probe(facts: HostFacts, waits: Waits): Promise<EngineSupport> {
    return await this.#connection.ask('probe', facts, { signal: waits.signal })
  }

  async estimate(pkg: ModelPackage, options: LoadOptions, waits: Waits): Promise<MemoryEstimate> {
    if (options.device !== undefined && options.device !== 'cpu') this.#boundTo ??= options.device
    return await this.#connection.ask('estimate', { package: bare(pkg), options }, { signal: waits.signal })
  }

  /**
   * Loads the model that this process then serves.
   * @throws {SomaError} `model/load-failed` and whatever else the engine answers, or the signal's reason; the process is gone then.
   */
  async load(pkg: ModelPackage, options: LoadOptions, waits: Waits): Promise<void> {
    this.#connection.model = pkg.name
    this.#phase = 'loading'
    await this.#orEnd(async () => {
      this.#loaded = await this.#connection.ask('load', { package: bare(pkg), options }, { signal: waits.signal })
      this.#phase = 'ready'
    })
  }

  /**
   * Gives the model's memory back; the process stays, and can load it again. Only while no call runs.
   * @param stateDirectory an empty folder for what a later load can go on from.
   * @throws {SomaError} what the engine answers; the process is gone then.
   */
  async park(waits: Waits, stateDirectory?: string): Promise<void> {
    await this.#orEnd(async () => {
      await this.#connection.ask('unload', stateDirectory === undefined ? {} : { stateDirectory }, { signal: waits.signal })
      this.#loaded = undefined
      this.#phase = 'parked'
    })
  }

  /**
   * @param waits a new object for each call: `settle` takes the same.
   * @throws {SomaError} what the engine answers, `engine/crashed`, `engine/protocol`, or the signal's reason, at once.
   */
  async ask<Method extends UnaryModelMethod>(method: Method, request: SmiInput<Method>, waits: Waits): Promise<SmiOutput<Method>> {
    return await this.#connection.ask(method, request, waits)
  }

  /** As `ask`, piece by piece. Leaving the loop early cancels. */
  stream<Method extends StreamingSmiMethod>(
    method: Method,
    request: SmiInput<Method>,
    waits: Waits,
  ): AsyncGenerator<SmiEvent<Method>, SmiOutput<Method>, void> {
    return this.#connection.stream(method, request, waits)
  }

  async health(waits: Waits): Promise<SmiOutput<'health'>> {
    return await this.#connection.health(waits)
  }

  /** @see EngineConnection.settle */
  settle(waits: Waits): Promise<void> | undefined {
    return this.#connection.settle(waits)
  }

  /** @see EngineConnection.lame */
  set lame(told: () => void) {
    this.#connection.lame = told
  }

  /** Lets the engine leave by itself, and kills it when it does not; calls still under way fail with `reason`. */
  async stop(reason?: SomaError): Promise<EngineEnd> {
    return await this.#connection.stop(reason)
  }

  /** Ends the process now; calls under way fail with `reason`. */
  async kill(reason: SomaError): Promise<EngineEnd> {
    return await this.#connection.kill(reason)
  }

  async #hello(signal: AbortSignal): Promise<void> {
    const { id } = this.descriptor
    const { helloMsMax } = this.#deps.times
    const late = (): SomaError =>
      new SomaError('engine/not-ready', `engine ${id} did not answer within ${helloMsMax} ms of its start`, {
        details: { engine: id, helloMsMax },
      })
    using deadline = startDeadline(this.#deps.clock, helloMsMax, late, signal)
    const answered = await this.#connection.ask('hello', { smiVersions: [SMI_VERSION] }, { signal: deadline.signal })
    if (answered.id !== id) throw wrongAnswer(this.#connection.name, 'hello', `it calls itself "${answered.id}"`)
    this.#phase = 'spare'
    this.#connection.watchHealth()
  }

  /** A process that failed at its start or its load is of no use: nobody knows what it holds. */
  async #orEnd(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      await this.kill(error as SomaError)
      throw error
    }
  }
}

/** Only what SMI knows: the registry's handle can be disposed, too. */
function bare({ name, format, task, directory, files, roles }: ModelPackage): ModelPackage {
  return { name, format, task, directory, files, roles }
}
