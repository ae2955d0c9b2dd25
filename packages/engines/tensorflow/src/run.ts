import { SomaError, throwIfAborted } from '@soma/core'
import type { EngineContext, InferRequest, InferResponse, LoadedModel, MemoryUsage, Signature, Tensor } from '@soma/spec'
import { Turns } from '@soma/wire'
import { WAITING_CALLS_MAX } from './limits.ts'

/** A model in one of the two libraries. */
export interface TensorModel extends Disposable {
  readonly signature: Signature
  /** @returns the outputs of these names, in this order. Nothing that it made in the library is left afterwards. */
  run(inputs: readonly Tensor[], outputs: readonly string[], ctx: EngineContext): Promise<readonly Tensor[]>
}

export interface RunDeps {
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
  /** WebAssembly's memory goes when the last object that holds it is collected. */
  readonly collectGarbage: () => void
}

/**
 * Inference, one at a time. The libraries compute on the thread that asks, so that a running call can neither be interrupted
 * nor overtaken: taking turns lets the process read what came between two, cancellations too.
 */
export class TensorRun implements LoadedModel {
  readonly signature: Signature
  readonly #deps: RunDeps
  #model: TensorModel | undefined
  readonly #turns = new Turns(WAITING_CALLS_MAX)

  constructor(deps: RunDeps, model: TensorModel) {
    this.#deps = deps
    this.#model = model
    this.signature = model.signature
  }

  /** @throws {SomaError} `engine/failed`, `call/cancelled`, `resource/exhausted` when too many wait. */
  async infer(request: InferRequest, ctx: EngineContext): Promise<InferResponse> {
    return await this.#turns.run(ctx.signal, () => this.#run(request, ctx))
  }

  usage(): MemoryUsage {
    return { residentBytes: this.#deps.residentBytes() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.idle()
    this.#model?.[Symbol.dispose]()
    this.#model = undefined
    this.#deps.collectGarbage()
  }

  async #run(
    { inputs, outputs = this.signature.outputs.map(({ name }) => name) }: InferRequest,
    ctx: EngineContext,
  ): Promise<InferResponse> {
    throwIfAborted(ctx.signal)
    if (!this.#model) throw new SomaError('engine/not-ready', 'the model was given back')
    return { outputs: outputs.length === 0 ? [] : await this.#model.run(inputs, outputs, ctx) }
  }
}
