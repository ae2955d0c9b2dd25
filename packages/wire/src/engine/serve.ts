import type { Readable, Writable } from 'node:stream'
import { type Log, SomaError, abortError, isSomaError } from '@soma/core'
import {
  type Engine,
  type EngineContext,
  type LoadedModel,
  type ModelMethod,
  SMI_VERSION,
  type SmiMethod,
  checkInputs,
  modelMethods,
  parseInput,
  smiMethods,
} from '@soma/spec'
import type { z } from 'zod'
import { createChannel } from '../channel.ts'
import { createPeer } from '../create-peer.ts'
import { ENGINE_CONCURRENCY_MAX, ENGINE_STREAM_WINDOW } from '../limits.ts'
import type { Answer } from '../peer.ts'

export interface ServeEngineOptions {
  readonly readable: Readable
  readonly writable: Writable
  readonly log: Log
}

/**
 * The engine's side of SMI v1: checks what the host sends, runs the engine, and types what it throws.
 * Inputs are checked against the loaded model's signature here, so that no engine has to. From a load on that asks for scrubbing, the
 * bytes of requests and answers, in whatever copy they pass through here, are zeroed once the answer is written.
 * @returns when the host is gone: the reason, or undefined when it closed its end in order. Memory is given back then if
 * nothing runs; a running native call must not lose its model under it, so otherwise the end of the process does it.
 */
export async function serveEngine(engine: Engine, { readable, writable, log }: ServeEngineOptions): Promise<SomaError | undefined> {
  const session = new EngineSession(engine, log)
  const scrubs = (): boolean => session.scrubs
  const peer = createPeer(createChannel({ readable, writable, scrubs }), {
    scrubs,
    answer: (method, input, ctx) => session.answer(method, input, ctx),
    concurrencyMax: ENGINE_CONCURRENCY_MAX,
    streamWindow: ENGINE_STREAM_WINDOW,
    lost: lostHost,
  })
  const reason = await peer.closed
  if (peer.active === 0) await session.unload()
  return reason
}

function lostHost(reason: unknown): SomaError {
  if (isSomaError(reason)) return reason
  return new SomaError('call/cancelled', 'the host went away with calls under way', { cause: reason })
}

type Input<Method extends SmiMethod> = z.output<(typeof smiMethods)[Method]['input']>
type Context = Parameters<Answer>[2]
type StreamingMethod = { [Method in SmiMethod]: (typeof smiMethods)[Method] extends { events: unknown } ? Method : never }[SmiMethod]
type StartStream = (input: unknown, ctx: EngineContext) => AsyncGenerator<unknown, unknown, void>

class EngineSession {
  readonly #engine: Engine
  readonly #log: Log
  #greeted = false
  #loading = false
  #unloading = false
  #model: LoadedModel | undefined
  #scrubs = false
  readonly #running = new Set<Promise<unknown>>()

  readonly #methods: { readonly [Method in Exclude<SmiMethod, StreamingMethod>]: (input: Input<Method>, call: Context) => unknown } = {
    hello: (input) => this.#hello(input),
    probe: (input) => this.#engine.probe(input),
    estimate: (input) => this.#engine.estimate(input.package, input.options),
    load: (input, call) => this.#load(input, call),
    infer: (input, call) => this.#infer(input, call),
    embed: (input, call) => this.#track(this.#method('embed')(input, this.#context(call))),
    rerank: (input, call) => this.#track(this.#method('rerank')(input, this.#context(call))),
    unload: ({ stateDirectory }) => this.unload(stateDirectory).then(() => ({})),
    health: () => ({ residentBytes: 0, ...this.#model?.usage(), busy: this.#running.size }),
  }

  readonly #starts: {
    readonly [Method in StreamingMethod]: (input: Input<Method>, ctx: EngineContext) => AsyncGenerator<unknown, unknown, void>
  } = {
    generate: (input, ctx) => this.#method('generate')(input, ctx),
    transcribe: (input, ctx) => this.#method('transcribe')(input, ctx),
    synthesize: (input, ctx) => this.#method('synthesize')(input, ctx),
    convert: (input, ctx) => this.#convert(input, ctx),
  }

  constructor(engine: Engine, log: Log) {
    this.#engine = engine
    this.#log = log
  }

  get scrubs(): boolean {
    return this.#scrubs
  }

  /** @throws what `Answer` may: typed errors, which the peer sends. */
  answer(method: string, input: unknown, call: Context): ReturnType<Answer> {
    if (!isSmiMethod(method)) throw new SomaError('call/unknown', `SMI v${SMI_VERSION} has no method "${method.slice(0, 64)}"`)
    if (!this.#greeted && method !== 'hello') throw new SomaError('engine/protocol', `"${method}" came before "hello"`)
    const valid = parseInput(smiMethods[method].input, input, `the input of ${method}`)
    if (isStreaming(method)) return this.#stream(this.#starts[method] as StartStream, valid, call)
    const run = this.#methods[method] as (input: unknown, call: Context) => unknown
    return Promise.try(run, valid, call).catch(rethrowTyped(call))
  }

  /** Takes no new work, waits for what runs, then gives the model back; its state is written first where a folder is named. */
  async unload(stateDirectory?: string): Promise<void> {
    this.#unloading = true
    try {
      await Promise.allSettled(this.#running)
      const model = this.#model
      this.#model = undefined
      await saveState(model, stateDirectory, this.#log)
      await model?.[Symbol.asyncDispose]()
    } finally {
      this.#unloading = false
    }
  }

  #hello({ smiVersions }: Input<'hello'>): unknown {
    if (!smiVersions.includes(SMI_VERSION))
      throw new SomaError(
        'engine/protocol',
        `this engine speaks SMI ${SMI_VERSION}; the host offered ${smiVersions.join(', ') || 'none'}`,
        {
          details: { speaks: [SMI_VERSION], offered: smiVersions },
        },
      )
    this.#greeted = true
    return this.#engine.descriptor
  }

  async #load({ package: pkg, options }: Input<'load'>, call: Context): Promise<unknown> {
    if (this.#model || this.#loading || this.#unloading)
      throw new SomaError('model/in-use', 'this process holds a model; unload it, or start another process')
    this.#loading = true
    // What came before the first load is no secret; what a model was told is one until the end.
    this.#scrubs ||= options.scrub === true
    try {
      const model = await this.#track(this.#engine.load(pkg, options, this.#context(call)))
      if (call.signal.aborted) await model[Symbol.asyncDispose]()
      else this.#model = model
      const methods = modelMethods.filter((name) => model[name] !== undefined)
      const { signature, concurrency = 1, contextLength, device = 'cpu' } = model
      return { signature, methods, concurrency, device, ...(contextLength !== undefined && { contextLength }) }
    } finally {
      this.#loading = false
    }
  }

  #infer(input: Input<'infer'>, call: Context): Promise<unknown> {
    const infer = this.#method('infer')
    const model = this.#loaded()
    checkInputs(model.signature, input.inputs)
    checkOutputs(model, input.outputs)
    return this.#track(infer(input, this.#context(call)))
  }

  async *#stream(start: StartStream, input: unknown, call: Context): AsyncGenerator<unknown, unknown, void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    void this.#track(promise)
    try {
      return yield* start(input, this.#context(call))
    } catch (error) {
      return rethrowTyped(call)(error)
    } finally {
      resolve()
    }
  }

  #convert(input: Input<'convert'>, ctx: EngineContext): ReturnType<NonNullable<Engine['convert']>> {
    if (this.#engine.convert) return this.#engine.convert(input, ctx)
    throw new SomaError('model/unsupported', `engine ${this.#engine.descriptor.id} converts nothing`)
  }

  /** A method of the loaded model, bound to it. */
  #method<Method extends ModelMethod>(name: Method): NonNullable<LoadedModel[Method]> {
    const model = this.#loaded()
    const method = model[name]
    if (method) return method.bind(model) as NonNullable<LoadedModel[Method]>
    throw new SomaError('model/unsupported', `this model has no method "${name}"`)
  }

  #loaded(): LoadedModel {
    if (this.#model && !this.#unloading) return this.#model
    throw new SomaError('engine/not-ready', 'no model is loaded in this process')
  }

  #context(call: Context): EngineContext {
    const log = this.#log
    return {
      log,
      // Read when asked for: making a signal costs more than a small inference's whole frame.
      get signal() {
        return call.signal
      },
    }
  }

  #track<Result>(run: Promise<Result>): Promise<Result> {
    this.#running.add(run)
    const forget = (): void => void this.#running.delete(run)
    run.then(forget, forget)
    return run
  }
}

function isSmiMethod(method: string): method is SmiMethod {
  return Object.hasOwn(smiMethods, method)
}

function isStreaming(method: SmiMethod): method is StreamingMethod {
  return 'events' in smiMethods[method]
}

/** Losing what only saves time must not keep memory from being given back. */
async function saveState(model: LoadedModel | undefined, directory: string | undefined, log: Log): Promise<void> {
  if (directory === undefined) return
  try {
    await model?.saveState?.(directory)
  } catch (error) {
    log.warn('the state of the model could not be written', { error })
  }
}

function checkOutputs(model: LoadedModel, wanted: readonly string[] | undefined): void {
  const unknown = wanted?.find((name) => !model.signature.outputs.some((output) => output.name === name))
  if (unknown === undefined) return
  const names = model.signature.outputs.map(({ name }) => name)
  throw new SomaError('call/invalid-input', `the model has no output "${unknown}"; it has ${names.join(', ')}`, {
    details: { output: unknown, outputs: names },
  })
}

/** What an engine throws for itself is a failure of the engine, not of the host: typed errors pass, aborts are cancellations. */
function rethrowTyped(call: Context): (error: unknown) => never {
  return (error) => {
    if (isSomaError(error)) throw error
    if (error instanceof Error && error.name === 'AbortError') throw abortError(call.signal)
    const message = error instanceof Error ? error.message : String(error)
    throw new SomaError('engine/failed', `the engine failed: ${message}`, { cause: error })
  }
}
