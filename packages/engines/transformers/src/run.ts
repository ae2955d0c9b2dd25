import type { LoadedModel } from '@soma/spec'
import { Turns } from '@soma/wire'
import type { Model } from './library.ts'
import { WAITING_CALLS_MAX } from './limits.ts'
import type { Abilities } from './parts.ts'

export interface RunDeps {
  /** Resident bytes of this process. */
  readonly residentBytes: () => number
}

/** A model in memory, asked one thing after the other: the library keeps state between the steps of a generation. */
export class TransformersRun implements LoadedModel {
  readonly signature: LoadedModel['signature']
  readonly contextLength: number | undefined
  readonly infer?: NonNullable<LoadedModel['infer']>
  readonly embed?: NonNullable<LoadedModel['embed']>
  readonly rerank?: NonNullable<LoadedModel['rerank']>
  readonly generate?: NonNullable<LoadedModel['generate']>
  readonly transcribe?: NonNullable<LoadedModel['transcribe']>
  readonly #deps: RunDeps
  readonly #model: Model
  readonly #turns = new Turns(WAITING_CALLS_MAX)

  constructor(deps: RunDeps, model: Model, abilities: Abilities) {
    this.#deps = deps
    this.#model = model
    this.signature = abilities.signature
    this.contextLength = abilities.contextLength
    const { infer, embed, rerank, generate, transcribe } = abilities
    if (infer) this.infer = (request, ctx) => this.#turns.run(ctx.signal, () => infer(request, ctx))
    if (embed) this.embed = (request, ctx) => this.#turns.run(ctx.signal, () => embed(request, ctx))
    if (rerank) this.rerank = (request, ctx) => this.#turns.run(ctx.signal, () => rerank(request, ctx))
    if (generate) this.generate = (request, ctx) => this.#turns.stream(ctx.signal, () => generate(request, ctx))
    if (transcribe) this.transcribe = (request, ctx) => this.#turns.stream(ctx.signal, () => transcribe(request, ctx))
  }

  usage(): { readonly residentBytes: number } {
    return { residentBytes: this.#deps.residentBytes() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns.idle()
    await this.#model.dispose()
  }
}
