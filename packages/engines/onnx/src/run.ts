import { type Log, throwIfAborted, toSomaError } from '@soma/core'
import type { EngineContext, InferRequest, InferResponse, Signature } from '@soma/spec'
import { merge, nextBatch, rowsOf, split } from './batch.ts'
import { runError } from './errors.ts'
import type { OrtRuntime, OrtSession, OrtTensor } from './runtime.ts'
import { fromOrtTensor, toOrtTensor } from './tensors.ts'

export interface RunOptions {
  /** Examples that are run at once; 1 runs each request alone. */
  readonly batchMax: number
  readonly batchWindowMs: number
  /** Where the session runs. */
  readonly device: string
}

export interface RunDeps {
  readonly runtime: OrtRuntime
  /** Resolves after so long, and not before what has come in was read. */
  readonly pause: (delayMs: number) => Promise<void>
}

interface Queued extends PromiseWithResolvers<InferResponse> {
  readonly request: InferRequest
  readonly ctx: EngineContext
}

/**
 * Inference, one run at a time. The library computes on the thread that asks, with its own threads beside it, so that a running
 * call can neither be interrupted nor overtaken: taking turns lets the process read what came between two, cancellations too.
 * What came meanwhile is run together where the model allows it: matrix products of several examples cost little more than of one.
 */
export class OnnxRun {
  readonly #deps: RunDeps
  readonly #session: OrtSession
  readonly #outputs: readonly string[]
  readonly #options: RunOptions
  #queue: Queued[] = []
  #isRunning = false
  /** Set once an answer could not be taken apart: the first dimension is no batch then. */
  #isSingle = false

  constructor(deps: RunDeps, session: OrtSession, signature: Signature, options: RunOptions) {
    this.#deps = deps
    this.#session = session
    this.#outputs = signature.outputs.map(({ name }) => name)
    this.#options = options
  }

  /** @throws {SomaError} `model/input-mismatch` for a shape that only the graph refuses, `engine/device-lost`, `engine/failed`, `call/cancelled`. */
  async infer(request: InferRequest, ctx: EngineContext): Promise<InferResponse> {
    const queued = { ...Promise.withResolvers<InferResponse>(), request, ctx }
    this.#queue.push(queued)
    if (!this.#isRunning) void this.#drain()
    return await queued.promise
  }

  async #drain(): Promise<void> {
    this.#isRunning = true
    try {
      while (this.#queue.length > 0) {
        if (this.#batchMax > 1) await this.#deps.pause(this.#options.batchWindowMs)
        await this.#runNext()
      }
    } finally {
      this.#isRunning = false
    }
  }

  get #batchMax(): number {
    return this.#isSingle ? 1 : this.#options.batchMax
  }

  async #runNext(): Promise<void> {
    this.#queue = this.#queue.filter((queued) => !this.#dropAborted(queued))
    const indexes = new Set(
      this.#batchMax > 1
        ? nextBatch(
            this.#queue.map(({ request }) => request),
            this.#batchMax,
          )
        : [0],
    )
    const batch = this.#queue.filter((_queued, index) => indexes.has(index))
    this.#queue = this.#queue.filter((_queued, index) => !indexes.has(index))
    if (batch.length < 2 || !(await this.#runTogether(batch))) for (const queued of batch) await this.#runAlone(queued)
  }

  #dropAborted({ ctx, reject }: Queued): boolean {
    try {
      throwIfAborted(ctx.signal)
      return false
    } catch (error) {
      reject(error)
      return true
    }
  }

  /** @returns false when each has to be run alone: an example that the graph refuses must not fail the others. */
  async #runTogether(batch: readonly Queued[]): Promise<boolean> {
    const requests = batch.map(({ request }) => request)
    const answer = await this.#run(merge(requests)).catch(() => undefined)
    if (!answer) return false
    const parts = split(
      answer,
      requests.map((request) => rowsOf(request) ?? 0),
    )
    if (!parts) this.#giveUpBatches(batch[0]?.ctx.log)
    for (const [index, { resolve }] of batch.entries()) if (parts?.[index]) resolve(parts[index])
    return parts !== undefined
  }

  #giveUpBatches(log: Log | undefined): void {
    this.#isSingle = true
    log?.info('the answers of a batch could not be taken apart; requests are run one by one from now on')
  }

  async #runAlone(queued: Queued): Promise<void> {
    if (this.#dropAborted(queued)) return
    await this.#run(queued.request).then(queued.resolve, (error: unknown) => queued.reject(toSomaError(error)))
  }

  async #run({ inputs, outputs = this.#outputs }: InferRequest): Promise<InferResponse> {
    if (outputs.length === 0) return { outputs: [] }
    const feeds: Record<string, OrtTensor> = {}
    for (const tensor of inputs) feeds[tensor.name] = toOrtTensor(this.#deps.runtime, tensor)
    const results = await this.#session.run(feeds, outputs).catch((error: unknown) => {
      throw runError(error, this.#options.device)
    })
    return { outputs: outputs.map((name) => fromOrtTensor(name, results[name] as OrtTensor)) }
  }
}
