import type { Readable, Writable } from 'node:stream'
import { type Log, SomaError, abortError, isSomaError } from '@soma/core'
import {
  type Engine,
  type EngineContext,
  type GenerateEvent,
  type LoadedModel,
  SMI_VERSION,
  type SmiMethod,
  checkInputs,
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
 * Inputs are checked against the loaded model's signature here, so that no engine has to.
 * @returns when the host is gone: the reason, or undefined when it closed its end in order. Memory is given back then if
 * nothing runs; a running native call must not lose its model under it, so otherwise the end of the process does it.
 */
export async function serveEngine(engine: Engine, { readable, writable, log }: ServeEngineOptions): Promise<SomaError | undefined> {
  const session = new EngineSession(engine, log)
  const peer = createPeer(createChannel({ readable, writable }), {
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

class EngineSession {
  readonly #engine: Engine
  readonly #log: Log
  #greeted = false
  #loading = false
  #unloading = false
  #model: LoadedModel | undefined
  readonly #running = new Set<Promise<unknown>>()

  readonly #methods: { readonly [Method in Exclude<SmiMethod, 'generate'>]: (input: Input<Method>, call: Context) => unknown } = {
    hello: (input) => this.#hello(input),
    probe: (input) => this.#engine.probe(input),
    estimate: (input) => this.#engine.estimate(input.package, input.options),
    load: (input, call) => this.#load(input, call),
    infer: (input, call) => this.#infer(input, call),
    unload: () => this.unload().then(() => ({})),
    health: () => ({ residentBytes: this.#model?.usage().residentBytes ?? 0, busy: this.#running.size }),
  }

  constructor(engine: Engine, log: Log) {
    this.#engine = engine
    this.#log = log
  }

  /** @throws what `Answer` may: typed errors, which the peer sends. */
  answer(method: string, input: unknown, call: Context): ReturnType<Answer> {
    if (!isSmiMethod(method)) throw new SomaError('call/unknown', `SMI v${SMI_VERSION} has no method "${method.slice(0, 64)}"`)
    if (!this.#greeted && method !== 'hello') throw new SomaError('engine/protocol', `"${method}" came before "hello"`)
    const valid = parseInput(smiMethods[method].input, input, `the input of ${method}`)
    if (method === 'generate') return this.#generate(valid as Input<'generate'>, call)
    const run = this.#methods[method] as (input: unknown, call: Context) => unknown
    return Promise.try(run, valid, call).catch(rethrowTyped(call))
  }

  /** Takes no new work, waits for what runs, then gives the model back. */
  async unload(): Promise<void> {
    this.#unloading = true
    try {
      await Promise.allSettled(this.#running)
      const model = this.#model
      this.#model = undefined
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
    try {
      const model = await this.#track(this.#engine.load(pkg, options, this.#context(call)))
      if (call.signal.aborted) await model[Symbol.asyncDispose]()
      else this.#model = model
      const methods = (['infer', 'generate'] as const).filter((name) => model[name] !== undefined)
      return { signature: model.signature, methods }
    } finally {
      this.#loading = false
    }
  }

  #infer(input: Input<'infer'>, call: Context): Promise<unknown> {
    const model = this.#loaded()
    if (!model.infer) throw new SomaError('model/unsupported', 'this model has no method "infer"')
    checkInputs(model.signature, input.inputs)
    checkOutputs(model, input.outputs)
    return this.#track(model.infer(input, this.#context(call)))
  }

  async *#generate(input: Input<'generate'>, call: Context): AsyncGenerator<GenerateEvent, unknown, void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    void this.#track(promise)
    try {
      const model = this.#loaded()
      if (!model.generate) throw new SomaError('model/unsupported', 'this model has no method "generate"')
      yield* model.generate(input, this.#context(call))
      return {}
    } catch (error) {
      return rethrowTyped(call)(error)
    } finally {
      resolve()
    }
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
