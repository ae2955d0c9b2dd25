import { throwIfAborted } from '@soma/core'
import type { EngineContext, InferRequest, InferResponse, Signature } from '@soma/spec'
import { runError } from './errors.ts'
import type { OrtRuntime, OrtSession, OrtTensor } from './runtime.ts'
import { fromOrtTensor, toOrtTensor } from './tensors.ts'

/**
 * Inference, one at a time. The library computes on the thread that asks, with its own threads beside it, so that a running
 * call can neither be interrupted nor overtaken: taking turns lets the process read what came between two, cancellations too.
 */
export class OnnxRun {
  readonly #runtime: OrtRuntime
  readonly #session: OrtSession
  readonly #outputs: readonly string[]
  #last: Promise<unknown> = Promise.resolve()

  constructor(runtime: OrtRuntime, session: OrtSession, signature: Signature) {
    this.#runtime = runtime
    this.#session = session
    this.#outputs = signature.outputs.map(({ name }) => name)
  }

  /** @throws {SomaError} `model/input-mismatch` for a shape that only the graph refuses, `engine/failed`, `call/cancelled`. */
  infer(request: InferRequest, ctx: EngineContext): Promise<InferResponse> {
    const turn = this.#last.then(() => this.#run(request, ctx))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #run({ inputs, outputs = this.#outputs }: InferRequest, ctx: EngineContext): Promise<InferResponse> {
    throwIfAborted(ctx.signal)
    if (outputs.length === 0) return { outputs: [] }
    const feeds: Record<string, OrtTensor> = {}
    for (const tensor of inputs) feeds[tensor.name] = toOrtTensor(this.#runtime, tensor)
    const results = await this.#session.run(feeds, outputs).catch((error: unknown) => {
      throw runError(error)
    })
    return { outputs: outputs.map((name) => fromOrtTensor(name, results[name] as OrtTensor)) }
  }
}
