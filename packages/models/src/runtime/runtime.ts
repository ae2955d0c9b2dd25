import { type Clock, type Log, type Rng, SomaError, canonicalJson } from '@soma/core'
import type { ChildSpawner } from '@soma/host'
import {
  type CallOutput,
  type Config,
  type EmbedRequest,
  type EmbedResponse,
  type EngineSupport,
  type GenerateEvent,
  type GenerateRequest,
  type GenerateResult,
  type HostFacts,
  type InferRequest,
  type InferResponse,
  type Metric,
  type ModelMethod,
  type RerankRequest,
  type RerankResponse,
  type Segment,
  type Signature,
  type SomaEvent,
  type SynthesizeEvent,
  type SynthesizeRequest,
  type SynthesizeResult,
  type ToolCall,
  type TranscribeEvent,
  type TranscribeRequest,
  type TranscribeResult,
  checkInputs,
} from '@soma/spec'
import type { InstalledModel, RunnableModel, Registry, Running } from '../ports.ts'
import { whoRuns } from '../selection/who-runs.ts'
import { type EngineEntry, type EngineTimes, type SmiEvent, type SmiOutput, engineTimes } from './engine-connection.ts'
import { EngineChoice } from './engine-choice.ts'
import { EnginePool } from './engine-pool.ts'
import type { EngineProcess, SmiInput, StreamingModelMethod, UnaryModelMethod } from './engine-process.ts'
import {
  CALLS_PER_MODEL_MAX,
  GENERATED_LENGTH_MAX,
  MEMORY_RESERVE_BYTES,
  PLACE_WAITERS_MAX,
  PLACE_WAIT_MS_MAX,
  QUEUED_CALLS_MAX,
  RUNNING_CALLS_MAX,
  SPARE_LINGER_MS,
  TURN_MS_MAX,
} from './limits.ts'
import { ModelLoader } from './model-loader.ts'
import { Residency } from './residency.ts'
import { RestartDelays } from './restart-delays.ts'
import { Scheduler, type Seat } from './scheduler.ts'

export interface RuntimeDeps {
  readonly registry: Registry
  readonly engines: readonly EngineEntry[]
  readonly spawn: ChildSpawner['spawn']
  readonly hostFacts: () => HostFacts
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
  /** Told of what happens outside calls: `model.loaded`, `model.unloaded`. */
  readonly emit?: (event: Pick<SomaEvent, 'name' | 'resource' | 'data'>) => void
}

export interface RuntimeOptions extends Readonly<Config['models']> {
  readonly times?: Partial<EngineTimes>
  readonly spareLingerMs?: number
  readonly memoryReserveBytes?: number
}

export type ProcessStatus = CallOutput<'system.status'>['processes'][number]
export type EngineStatus = CallOutput<'engine.list'>['engines'][number]
export type Timings = CallOutput<'model.infer'>['timings']
interface Timed {
  readonly timings: Timings
}

interface Waits {
  readonly signal: AbortSignal
}

/** Runs calls on models: check, queue, place in memory, engine. Each of these is a part of its own; this is the list of steps. */
export class Runtime implements Running {
  readonly #deps: RuntimeDeps
  readonly #pool: EnginePool
  readonly #choice: EngineChoice
  readonly #delays: RestartDelays
  readonly #loader: ModelLoader
  readonly #residency: Residency<EngineProcess>
  readonly #scheduler: Scheduler<EngineProcess>
  /** What each process has loaded. */
  readonly #loadedFrom = new WeakMap<EngineProcess, InstalledModel>()

  constructor(deps: RuntimeDeps, options: RuntimeOptions) {
    const { clock, log } = deps
    const times = { ...engineTimes, ...options.times }
    const { spareLingerMs = SPARE_LINGER_MS, memoryReserveBytes = MEMORY_RESERVE_BYTES } = options
    this.#deps = deps
    this.#delays = new RestartDelays(deps)
    this.#choice = new EngineChoice(
      deps.engines.map(({ descriptor }) => descriptor),
      deps.hostFacts,
    )
    this.#pool = new EnginePool({ spawn: deps.spawn, clock, log, times }, deps.engines, { warmSpares: options.warmSpares, spareLingerMs })
    this.#loader = new ModelLoader(
      { registry: deps.registry, pool: this.#pool, delays: this.#delays, hostFacts: deps.hostFacts, log },
      { threads: options.threads, memoryReserveBytes },
    )
    this.#residency = new Residency(
      {
        clock,
        load: (name, waits) => this.#loadProcess(name, waits),
        loaded: (name, loadMs) => this.#happened('model.loaded', name, { loadMs: Math.round(loadMs) }),
        unloaded: (name, reason) => this.#happened('model.unloaded', name, { reason }),
      },
      {
        loadedMax: options.loadedMax,
        idleUnloadMs: options.idleUnloadMs,
        turnMsMax: TURN_MS_MAX,
        waitersMax: PLACE_WAITERS_MAX,
        waitMsMax: PLACE_WAIT_MS_MAX,
      },
    )
    this.#scheduler = new Scheduler(this.#residency, {
      perModelMax: CALLS_PER_MODEL_MAX,
      runningMax: RUNNING_CALLS_MAX,
      queueMax: options.queueMax,
      queuedMax: QUEUED_CALLS_MAX,
    })
  }

  /** @throws {SomaError} the errors of `model.infer`. */
  async infer(name: string, request: InferRequest, waits: Waits): Promise<InferResponse & Timed> {
    const model = this.#deps.registry.get(name)
    const known = this.#current(model)?.loaded.signature ?? model.signature
    if (known) checkRequest(known, request)
    using turn = await this.#enter(model, 'infer', waits)
    const { signature } = turn.process.loaded
    if (signature !== known) checkRequest(signature, request)
    const { inputs, outputs: wanted } = request
    const { outputs } = await turn.process.ask('infer', { inputs: [...inputs], ...(wanted && { outputs: [...wanted] }) }, waits)
    return { outputs, timings: turn.timings() }
  }

  /** @throws {SomaError} the errors of `model.embed`. */
  async embed(name: string, request: EmbedRequest, waits: Waits): Promise<EmbedResponse & Timed> {
    return await this.#ask('embed', name, request, waits)
  }

  /** @throws {SomaError} the errors of `model.rerank`. */
  async rerank(name: string, request: RerankRequest, waits: Waits): Promise<RerankResponse & Timed> {
    return await this.#ask('rerank', name, request, waits)
  }

  /** Text piece by piece, then all of it. @throws {SomaError} the errors of `model.generate`. */
  async *generate(
    name: string,
    request: GenerateRequest,
    waits: Waits,
  ): AsyncGenerator<GenerateEvent, GenerateResult & Timed & { readonly text: string; readonly toolCalls: ToolCall[] }, void> {
    let text = ''
    const toolCalls: ToolCall[] = []
    const result = yield* this.#stream('generate', name, request, waits, (event) => {
      text = append(text, event.text)
      if (event.toolCall) toolCalls.push(event.toolCall)
    })
    return { ...result, text, toolCalls }
  }

  /** @throws {SomaError} the errors of `model.transcribe`. */
  async *transcribe(
    name: string,
    request: TranscribeRequest,
    waits: Waits,
  ): AsyncGenerator<TranscribeEvent, TranscribeResult & Timed & { readonly text: string; readonly segments: Segment[] }, void> {
    let text = ''
    const segments: Segment[] = []
    const result = yield* this.#stream('transcribe', name, request, waits, ({ segment }) => {
      text = append(text, segment.text)
      segments.push(segment)
    })
    return { ...result, text: text.trim(), segments }
  }

  /** @throws {SomaError} the errors of `model.synthesize`. */
  synthesize(name: string, request: SynthesizeRequest, waits: Waits): AsyncGenerator<SynthesizeEvent, SynthesizeResult & Timed, void> {
    return this.#stream('synthesize', name, request, waits, () => undefined)
  }

  /** Brings a model into memory without calling it. @throws {SomaError} the errors of `model.load`. */
  async load(name: string, waits: Waits): Promise<Omit<CallOutput<'model.load'>, 'name'>> {
    const model = this.#deps.registry.get(name)
    this.#dropStale(model)
    const lease = await this.#residency.acquire(model.name, waits)
    try {
      const { process, loadMs } = lease
      // One that computes on its only thread answers when it is done; what the system says of it must do then.
      const residentBytes = process.state === 'busy' ? process.rssBytes : (await process.health(waits)).residentBytes
      const { signature, methods, contextLength, device } = process.loaded
      const limits = contextLength === undefined ? {} : { contextLength }
      return { signature, methods, ...limits, device, residentBytes: Math.round(residentBytes), loadMs }
    } finally {
      lease.release()
    }
  }

  /**
   * Ends the model's process once the calls that use it are done; calls that still wait then load it anew.
   * @returns whether it was loaded.
   * @throws {SomaError} `model/not-found` when it is neither loaded nor installed.
   */
  async unload(name: string, waits: Waits = endless): Promise<boolean> {
    const wasLoaded = await this.#residency.unload(this.#deps.registry.resolve(name), waits)
    if (!wasLoaded) this.#deps.registry.get(name)
    return wasLoaded
  }

  engineOf(model: InstalledModel): string | null {
    return this.#choice.of(model)
  }

  isLoaded(name: string): boolean {
    return this.#residency.find(name) !== undefined
  }

  isBusy(name: string): boolean {
    const { waiting, running } = this.#scheduler.count(name)
    return waiting + running > 0 || this.#residency.isInUse(name)
  }

  processes(): ProcessStatus[] {
    return this.#pool.processes.map(({ pid, descriptor, model, state, rssBytes, startedAt }) => ({
      pid,
      engine: descriptor.id,
      model,
      state,
      rssBytes,
      startedAt,
    }))
  }

  engines(): EngineStatus[] {
    return this.#pool.entries.map(({ descriptor }) => this.#engineStatus(descriptor.id))
  }

  /** A process without a model, for work that is no call of one; whoever takes it ends it. @throws {SomaError} as `load` for the engine's start. */
  async borrow(engine: string, waits: Waits): Promise<EngineProcess> {
    return await this.#pool.take(engine, waits)
  }

  /** Whether an engine can run here, by starting it. @throws {SomaError} the errors of `engine.show`. */
  async engine(id: string, waits: Waits): Promise<{ readonly engine: EngineStatus; readonly support: EngineSupport }> {
    const process = await this.#pool.take(id, waits)
    try {
      return { support: await process.probe(this.#deps.hostFacts(), waits), engine: this.#engineStatus(id) }
    } finally {
      this.#pool.giveBack(process)
    }
  }

  /** Numbers for scraping. */
  metrics(): Metric[] {
    const { waiting, running } = this.#scheduler.total
    return [
      {
        name: 'soma_model_calls',
        help: 'Calls of models that wait for their turn, or run.',
        type: 'gauge',
        samples: Object.entries({ waiting, running }).map(([state, value]) => ({ labels: { state }, value })),
      },
      {
        name: 'soma_engine_failures_total',
        help: 'Engine processes that crashed, hung, broke the protocol or did not start.',
        type: 'counter',
        samples: this.engines().map(({ id, restarts }) => ({ labels: { engine: id }, value: restarts })),
      },
    ]
  }

  /** Takes no new calls, fails those that wait, ends every engine process. The daemon lets running calls finish before. */
  async stop(): Promise<void> {
    this.#scheduler.stop()
    await this.#residency.stop()
    await this.#pool.stop()
  }

  #engineStatus(id: string): EngineStatus {
    const { entry, processes, failures } = this.#pool.status(id)
    return { ...entry.descriptor, processes, restarts: failures }
  }

  async #ask<Method extends UnaryModelMethod>(
    method: Method,
    name: string,
    request: SmiInput<Method>,
    waits: Waits,
  ): Promise<SmiOutput<Method> & Timed> {
    using turn = await this.#enter(this.#deps.registry.get(name), method, waits)
    const answer = await turn.process.ask(method, request, waits)
    return { ...answer, timings: turn.timings() }
  }

  async *#stream<Method extends StreamingModelMethod>(
    method: Method,
    name: string,
    request: SmiInput<Method>,
    waits: Waits,
    seen: (event: SmiEvent<Method>) => void,
  ): AsyncGenerator<SmiEvent<Method>, SmiOutput<Method> & Timed, void> {
    using turn = await this.#enter(this.#deps.registry.get(name), method, waits)
    const events = turn.process.stream(method, request, waits)
    const watched = async function* (): AsyncGenerator<SmiEvent<Method>, SmiOutput<Method>, void> {
      try {
        for (;;) {
          const step = await events.next()
          if (step.done) return step.value
          turn.sawFirst()
          seen(step.value)
          yield step.value
        }
      } finally {
        await events.return(undefined as never)
      }
    }
    const result = yield* watched()
    return { ...result, timings: turn.timings() }
  }

  async #enter(model: InstalledModel, method: ModelMethod, waits: Waits): Promise<Turn> {
    const { clock } = this.#deps
    this.#dropStale(model)
    const beganAt = clock.monotonic()
    const seat = await this.#scheduler.enter(model.name, waits)
    const turn = new Turn(clock, seat, beganAt, () => this.#leave(model, seat))
    if (seat.process.loaded.methods.includes(method)) return turn
    turn[Symbol.dispose]()
    throw new SomaError(
      'model/unsupported',
      `model ${model.name} cannot ${method}; it can ${seat.process.loaded.methods.join(', ') || 'do nothing'}`,
      {
        details: { model: model.name, method, methods: seat.process.loaded.methods },
      },
    )
  }

  /**
   * The caller has its answer, or has gone away; the turn ends when the engine is really free. Until then a next call would only
   * wait inside the engine, where it could not be cancelled in time nor moved to another process.
   */
  #leave({ name }: InstalledModel, seat: Seat<EngineProcess>): void {
    if (seat.process.state !== 'stopping') this.#delays.succeeded(seat.process.descriptor.id, name)
    const settled = seat.process.settle()
    if (settled) void settled.then(() => seat.leave())
    else seat.leave()
  }

  /** A model that was replaced since it was loaded: calls from now on wait for its new package. */
  #dropStale(model: InstalledModel): void {
    if (this.isLoaded(model.name) && !this.#current(model)) void this.#residency.unload(model.name, endless)
  }

  /** The process that has this package loaded, and not the one it took the place of. */
  #current(model: InstalledModel): EngineProcess | undefined {
    const process = this.#residency.find(model.name)
    const loaded = process && this.#loadedFrom.get(process)
    return loaded && !isSamePackage(loaded, model) ? undefined : process
  }

  /** @throws {SomaError} `model/unsupported` when no engine here runs it. */
  #runnable(model: InstalledModel): RunnableModel {
    const engine = this.engineOf(model)
    if (engine === null || !this.#pool.has(engine)) throw this.#unsupported(model, engine)
    return { ...model, engine }
  }

  #unsupported({ name, format }: InstalledModel, engine: string | null): SomaError {
    const entries = this.#pool.entries.map(({ descriptor }) => ({ descriptor }))
    const message =
      engine === null
        ? `model ${name}: ${whoRuns(format, entries)}`
        : `model ${name} needs engine ${engine}, which this daemon does not have`
    return new SomaError('model/unsupported', message, { details: { model: name, format, engine } })
  }

  async #loadProcess(name: string, waits: Waits): Promise<EngineProcess> {
    const model = this.#runnable(this.#deps.registry.get(name))
    const process = await this.#loader.load(model, waits)
    this.#loadedFrom.set(process, model)
    return process
  }

  #happened(event: string, model: string, data: SomaEvent['data']): void {
    this.#deps.log.info(event, { model, ...data })
    this.#deps.emit?.({ name: event, resource: `model/${model}`, data })
  }
}

function isSamePackage(a: InstalledModel, b: InstalledModel): boolean {
  return a === b || (a.digest === b.digest && canonicalJson(a.settings) === canonicalJson(b.settings))
}

const endless: Waits = { signal: new AbortController().signal }

/** One call's time with a model in memory. */
class Turn implements Disposable {
  readonly process: EngineProcess
  readonly #clock: Clock
  readonly #leave: () => void
  readonly #waited: Omit<Timings, 'runMs'>
  readonly #enteredAt: number
  #firstAt: number | undefined

  constructor(clock: Clock, { process, loadMs }: Seat<EngineProcess>, beganAt: number, leave: () => void) {
    this.process = process
    this.#clock = clock
    this.#leave = leave
    this.#enteredAt = clock.monotonic()
    this.#waited = { queueMs: Math.max(0, this.#enteredAt - beganAt - loadMs), loadMs }
  }

  /** The first piece of the answer is there. */
  sawFirst(): void {
    this.#firstAt ??= this.#clock.monotonic()
  }

  timings(): Timings {
    const runMs = this.#clock.monotonic() - this.#enteredAt
    return { ...this.#waited, runMs, ...(this.#firstAt !== undefined && { firstMs: this.#firstAt - this.#enteredAt }) }
  }

  [Symbol.dispose](): void {
    this.#leave()
  }
}

/** Before queueing where the signature is known: a call that cannot work must not wait, nor make others wait. */
function checkRequest(signature: Signature, { inputs, outputs }: InferRequest): void {
  checkInputs(signature, inputs)
  const unknown = outputs?.find((name) => !signature.outputs.some((output) => output.name === name))
  if (unknown === undefined) return
  const names = signature.outputs.map(({ name }) => name)
  throw new SomaError('model/input-mismatch', `the model has no output "${unknown}"; it has ${names.join(', ')}`, {
    details: { output: unknown, outputs: names },
  })
}

function append(text: string, piece: string): string {
  if (text.length + piece.length <= GENERATED_LENGTH_MAX) return text + piece
  throw new SomaError(
    'resource/exhausted',
    `the generated text is over the limit of ${GENERATED_LENGTH_MAX} characters; ask for fewer tokens`,
    {
      details: { lengthMax: GENERATED_LENGTH_MAX },
    },
  )
}
