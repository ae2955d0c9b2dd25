import { assert } from '@soma/core'
import type { EngineContext, InferRequest, InferResponse, LoadedModel, MemoryUsage, Signature, Tensor } from '@soma/spec'
import { Turns } from '@soma/wire'
import { WAITING_CALLS_MAX } from './limits.ts'
import { Turn } from './turn.ts'

export interface RunDeps {
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
  /** Makes the library give back what nobody holds any more. */
  readonly collectGarbage: () => void
}

/** What the three kinds of models share: one call after the other, and an end. */
export abstract class SpeechModel implements LoadedModel {
  abstract readonly signature: Signature
  readonly turns = new Turns(WAITING_CALLS_MAX)
  readonly #deps: RunDeps
  #disposed = false

  constructor(deps: RunDeps) {
    this.#deps = deps
  }

  protected abstract tensors(inputs: readonly Tensor[], ctx: EngineContext): Promise<readonly Tensor[]>
  /** Lets go of the library's part. */
  protected abstract drop(): void

  async infer(request: InferRequest, ctx: EngineContext): Promise<InferResponse> {
    const outputs = await this.tensors(request.inputs, ctx)
    return { outputs: outputs.filter(({ name }) => request.outputs?.includes(name) ?? true) }
  }

  /** Waits for the model to be free. */
  protected async turn({ signal }: EngineContext): Promise<Turn> {
    const turn = new Turn(await this.turns.take(signal))
    assert(!this.#disposed, 'no call after the model was given back')
    return turn
  }

  usage(): MemoryUsage {
    return { residentBytes: this.#deps.residentBytes() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    await this.turns.idle()
    this.#disposed = true
    this.drop()
    this.#deps.collectGarbage()
  }
}
