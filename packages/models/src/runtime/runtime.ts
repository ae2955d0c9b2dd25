import { OWNER } from '@soma/core'
import {
  type CallOutput,
  type EmbedRequest,
  type EmbedResponse,
  type EngineSupport,
  type GenerateEvent,
  type GenerateRequest,
  type GenerateResult,
  type InferRequest,
  type InferResponse,
  type Metric,
  type ModelMethod,
  type RerankRequest,
  type RerankResponse,
  type Segment,
  type SynthesizeEvent,
  type SynthesizeRequest,
  type SynthesizeResult,
  type ToolCall,
  type TranscribeEvent,
  type TranscribeRequest,
  type TranscribeResult,
} from '@soma/spec'
import { LEARNED_KIND } from '@soma/store'
import type { InstalledModel, Running } from '../ports.ts'
import type { SmiEvent, SmiOutput } from './engine-connection.ts'
import type { TakeOptions } from './engine-pool.ts'
import type { EngineProcess, SmiInput, StreamingModelMethod, UnaryModelMethod } from './engine-process.ts'
import { AGE_MS, CALL_WAIT_MS_MAX, COSTS_MAX, QUEUED_CALLS_MAX, RUNNING_CALLS_MAX, RUN_MS_GUESS, SHARES_MAX } from './limits.ts'
import { ModelHost, type RuntimeDeps, type RuntimeOptions, endless } from './model-host.ts'
import { RESIDENCY_KIND, SETTINGS_KIND } from './model-settings.ts'
import type { ExplainDeps } from './explain.ts'
import { append, cannot, checkRequest } from './request-checks.ts'
import { Residents } from './residents.ts'
import { runtimeMetrics } from './runtime-metrics.ts'
import { isDeterministicGenerate, isDeterministicInfer } from './result-cache.ts'
import { Answers } from './answers.ts'
import { dueOf, priorities } from './scheduler-state.ts'
import { Scheduler, type Seat } from './scheduler.ts'
import { SecondTry } from './second-try.ts'
import { type Call, type CallOptions, type Timings, Turn, startCall } from './turn.ts'

export type ProcessStatus = CallOutput<'system.status'>['processes'][number]
export type EngineStatus = CallOutput<'engine.list'>['engines'][number]
interface Timed {
  readonly timings: Timings
}

interface Waits {
  readonly signal: AbortSignal
}

/** Runs calls on models: check, queue, place in memory, engine. Each of these is a part of its own; this is the list of steps. */
export class Runtime implements Running {
  readonly host: ModelHost
  readonly residents: Residents
  readonly #deps: RuntimeDeps
  readonly #scheduler: Scheduler<EngineProcess>
  readonly #answers: Answers
  readonly #secondTry: SecondTry

  constructor(deps: RuntimeDeps, options: RuntimeOptions) {
    this.#deps = deps
    // What is to be forgotten is not kept.
    this.#answers = new Answers(options.scrub ? 0 : options.resultCacheBytes)
    this.#secondTry = new SecondTry(deps)
    this.host = new ModelHost(deps, options, {
      opened: (model, seats) => this.#scheduler.open(model, seats),
      closed: (model) => this.#scheduler.close(model),
      refused: (model, error) => this.#scheduler.fail(model, error),
    })
    this.#scheduler = new Scheduler(deps.clock, this.host.residency, {
      runningMax: RUNNING_CALLS_MAX,
      queueMax: options.queueMax,
      queuedMax: QUEUED_CALLS_MAX,
      ageMs: AGE_MS,
      waitMsMax: CALL_WAIT_MS_MAX,
      runMsGuess: RUN_MS_GUESS,
      costsMax: COSTS_MAX,
      sharesMax: SHARES_MAX,
    })
    this.residents = new Residents({ clock: deps.clock, host: this.host, count: (model) => this.#scheduler.count(model) })
  }

  /** What explaining a model takes. */
  get explains(): ExplainDeps {
    const { registry, hostFacts } = this.#deps
    return { host: this.host, residents: this.residents, registry, hostFacts }
  }

  /** @throws {SomaError} `model/not-found`. */
  modelOf(name: string): InstalledModel {
    return this.#deps.registry.get(name)
  }

  /** Reads what users set for models, and brings in those that are to stay in memory. */
  start(): void {
    this.host.start()
  }

  /** @throws {SomaError} the errors of `model.infer`. */
  async infer(name: string, request: InferRequest, options: CallOptions): Promise<InferResponse & Timed> {
    const model = this.#deps.registry.get(name)
    const known = this.host.current(model)?.loaded.signature ?? model.signature
    if (known) checkRequest(known, request)
    const key = this.#keyOf({ model, method: 'infer', request }, isDeterministicInfer(request), options)
    const before = this.#answers.find(key, (kept) => kept as InferResponse | undefined)
    if (before) return before
    const { inputs, outputs: wanted } = request
    const answer = await this.#inTurn(model, 'infer', options, async ({ process, waits }) => {
      const { signature } = process.loaded
      if (signature !== known) checkRequest(signature, request)
      return await process.ask('infer', { inputs: [...inputs], ...(wanted && { outputs: [...wanted] }) }, waits)
    })
    return this.#answers.keep(key, answer)
  }

  /** @throws {SomaError} the errors of `model.embed`. */
  async embed(name: string, request: EmbedRequest, options: CallOptions): Promise<EmbedResponse & Timed> {
    return await this.#ask('embed', name, request, options)
  }

  /** @throws {SomaError} the errors of `model.rerank`. */
  async rerank(name: string, request: RerankRequest, options: CallOptions): Promise<RerankResponse & Timed> {
    return await this.#ask('rerank', name, request, options)
  }

  /** Text piece by piece, then all of it. @throws {SomaError} the errors of `model.generate`. */
  async *generate(
    name: string,
    request: GenerateRequest,
    options: CallOptions,
  ): AsyncGenerator<GenerateEvent, GenerateResult & Timed & { readonly text: string; readonly toolCalls: ToolCall[] }, void> {
    const model = this.#deps.registry.get(name)
    const key = this.#keyOf({ model, method: 'generate', request }, isDeterministicGenerate(request), options)
    const before = this.#answers.find(key, (kept) => kept as Omit<CallOutput<'model.generate'>, 'timings'> | undefined)
    if (before) {
      yield { text: before.text }
      for (const toolCall of before.toolCalls) yield { text: '', toolCall }
      return before
    }
    let text = ''
    const toolCalls: ToolCall[] = []
    const result = yield* this.#stream({ method: 'generate', name, request }, options, (event) => {
      text = append(text, event.text)
      if (event.toolCall) toolCalls.push(event.toolCall)
    })
    return this.#answers.keep(key, { ...result, text, toolCalls })
  }

  /** @throws {SomaError} the errors of `model.transcribe`. */
  async *transcribe(
    name: string,
    request: TranscribeRequest,
    options: CallOptions,
  ): AsyncGenerator<TranscribeEvent, TranscribeResult & Timed & { readonly text: string; readonly segments: Segment[] }, void> {
    let text = ''
    const segments: Segment[] = []
    const result = yield* this.#stream({ method: 'transcribe', name, request }, options, ({ segment }) => {
      text = append(text, segment.text)
      segments.push(segment)
    })
    return { ...result, text: text.trim(), segments }
  }

  /** @throws {SomaError} the errors of `model.synthesize`. */
  synthesize(
    name: string,
    request: SynthesizeRequest,
    options: CallOptions,
  ): AsyncGenerator<SynthesizeEvent, SynthesizeResult & Timed, void> {
    return this.#stream({ method: 'synthesize', name, request }, options, () => undefined)
  }

  /** Brings a model into memory without calling it. @throws {SomaError} the errors of `model.load`. */
  async load(name: string, { signal, priority = 'normal' }: CallOptions): Promise<Omit<CallOutput<'model.load'>, 'name'>> {
    const model = this.#deps.registry.get(name)
    this.host.dropStale(model)
    const beganAt = this.#deps.clock.monotonic()
    const due = dueOf({ arrivedAt: beganAt, level: priorities.indexOf(priority) }, AGE_MS)
    return await this.#secondTry.run({ model: model.name, signal }, () => this.#loadOnce(model.name, { due, beganAt }, { signal }))
  }

  async #loadOnce(
    name: string,
    { due, beganAt }: { readonly due: number; readonly beganAt: number },
    waits: Waits,
  ): Promise<Omit<CallOutput<'model.load'>, 'name'>> {
    const lease = await this.host.residency.hold(name, due, waits)
    try {
      const { process, readyAt, loadBeganAt } = lease
      const { signature, methods, contextLength, device } = process.loaded
      const { memory = 0 } = await this.host.loader.measure(process, waits)
      const context = contextLength === undefined ? {} : { contextLength }
      const loadMs = Math.max(0, readyAt - Math.max(loadBeganAt, beganAt))
      return { signature, methods, ...context, device, residentBytes: Math.round(memory), loadMs }
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
    const wasLoaded = await this.host.residency.unload(this.#deps.registry.resolve(name), waits)
    if (!wasLoaded) this.#deps.registry.get(name)
    return wasLoaded
  }

  engineOf(model: InstalledModel): string | null {
    return this.host.engineOf(model)
  }

  recordsOf(name: string): string[] {
    const kinds = [RESIDENCY_KIND, SETTINGS_KIND].filter((kind) => this.host.settings.has(kind, name))
    return this.host.hasLearned(name) ? [...kinds, LEARNED_KIND] : kinds
  }

  forget(name: string): void {
    this.host.forget(name)
  }

  isLoaded(name: string): boolean {
    return this.host.isLoaded(name)
  }

  isBusy(name: string): boolean {
    const { waiting, running } = this.#scheduler.count(name)
    return waiting + running > 0 || this.host.residency.isInUse(name)
  }

  processes(): ProcessStatus[] {
    return this.host.pool.processes.map(({ pid, descriptor, model, state, rssBytes, startedAt }) => ({
      pid,
      engine: descriptor.id,
      model,
      state,
      rssBytes,
      startedAt,
    }))
  }

  engines(): EngineStatus[] {
    return this.host.pool.entries.map(({ descriptor }) => this.#engineStatus(descriptor.id))
  }

  /** A process without a model, for work that is no call of one; whoever takes it ends it. @throws {SomaError} as `load` for the engine's start. */
  async borrow(engine: string, options: TakeOptions): Promise<EngineProcess> {
    return await this.host.pool.take(engine, options)
  }

  /** Whether an engine can run here, by starting it. @throws {SomaError} the errors of `engine.show`. */
  async engine(id: string, waits: Waits): Promise<{ readonly engine: EngineStatus; readonly support: EngineSupport }> {
    const process = await this.host.pool.take(id, waits)
    try {
      return { support: await process.probe(this.#deps.hostFacts(), waits), engine: this.#engineStatus(id) }
    } finally {
      this.host.pool.giveBack(process)
    }
  }

  /** Numbers for scraping. */
  metrics(): Metric[] {
    return runtimeMetrics({ calls: this.#scheduler.total, budgets: this.residents.known(), engines: this.engines() })
  }

  /** Takes no new calls, fails those that wait, ends every engine process. The daemon lets running calls finish before. */
  async stop(): Promise<void> {
    this.#scheduler.stop()
    await this.host.stop()
  }

  #engineStatus(id: string): EngineStatus {
    const { entry, processes, failures } = this.host.pool.status(id)
    return { ...entry.descriptor, processes, restarts: failures }
  }

  async #ask<Method extends UnaryModelMethod>(
    method: Method,
    name: string,
    request: SmiInput<Method>,
    options: CallOptions,
  ): Promise<SmiOutput<Method> & Timed> {
    const model = this.#deps.registry.get(name)
    const key = this.#keyOf({ model, method, request }, true, options)
    const before = this.#answers.find(key, (kept) => kept as SmiOutput<Method> | undefined)
    if (before) return before
    const answer = await this.#inTurn(model, method, options, ({ process, waits }) => process.ask(method, request, waits))
    return this.#answers.keep(key, answer)
  }

  async #inTurn<Answer extends object>(
    model: InstalledModel,
    method: ModelMethod,
    options: CallOptions,
    work: (turn: Turn) => Promise<Answer>,
  ): Promise<Answer & Timed> {
    using call = this.#begin(model, options)
    return await this.#secondTry.run(call, async () => {
      using turn = await this.#enter(call, method)
      const answer = await work(turn)
      return { ...answer, timings: turn.timings() }
    })
  }

  #keyOf(
    { model, method, request }: { readonly model: InstalledModel; readonly method: ModelMethod; readonly request: unknown },
    isDeterministic: boolean,
    options: CallOptions,
  ): string | undefined {
    if (!this.#answers.isOn) return undefined
    return this.#answers.keyOf({ model: this.host.identityOf(model), method, request }, isDeterministic, options)
  }

  async *#stream<Method extends StreamingModelMethod>(
    { method, name, request }: { readonly method: Method; readonly name: string; readonly request: SmiInput<Method> },
    options: CallOptions,
    seen: (event: SmiEvent<Method>) => void,
  ): AsyncGenerator<SmiEvent<Method>, SmiOutput<Method> & Timed, void> {
    using call = this.#begin(this.#deps.registry.get(name), options)
    return yield* this.#secondTry.stream(call, () => this.#streamOnce({ method, request }, call, seen))
  }

  async *#streamOnce<Method extends StreamingModelMethod>(
    { method, request }: { readonly method: Method; readonly request: SmiInput<Method> },
    call: Call,
    seen: (event: SmiEvent<Method>) => void,
  ): AsyncGenerator<SmiEvent<Method>, SmiOutput<Method> & Timed, void> {
    using turn = await this.#enter(call, method)
    const events = turn.process.stream(method, request, turn.waits)
    try {
      for (;;) {
        const step = await events.next()
        if (step.done) return { ...step.value, timings: turn.timings() }
        turn.sawFirst()
        seen(step.value)
        yield step.value
      }
    } finally {
      await events.return(undefined as never)
    }
  }

  #begin(model: InstalledModel, options: CallOptions): Call {
    this.host.dropStale(model)
    this.host.arrived(model.name)
    return startCall(this.#deps.clock, model.name, options)
  }

  async #enter({ model, signal, beganAt, options }: Call, method: ModelMethod): Promise<Turn> {
    const waits = { signal }
    const urgency = { principal: options.principal ?? OWNER, priority: options.priority ?? 'normal' }
    const seat = await this.#scheduler.enter(model, urgency, waits)
    const turn = new Turn(this.#deps.clock, seat, { waits, beganAt, options }, () => this.#leave(model, seat, waits))
    if (seat.process.loaded.methods.includes(method)) return turn
    turn[Symbol.dispose]()
    throw cannot(model, method, seat.process.loaded.methods)
  }

  /**
   * The caller has its answer, or has gone away; the turn ends when the engine is really free. Until then a next call would only
   * wait inside the engine, where it could not be cancelled in time nor moved to another process.
   */
  #leave(name: string, seat: Seat<EngineProcess>, waits: Waits): void {
    if (seat.process.state !== 'stopping') this.host.delays.succeeded(seat.process.descriptor.id, name)
    const settled = seat.process.settle(waits)
    if (settled) void settled.then(() => seat.leave())
    else seat.leave()
  }
}
