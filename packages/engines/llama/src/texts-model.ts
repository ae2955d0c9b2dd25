import type { EngineContext, LoadedModel, MemoryUsage, Signature } from '@soma/spec'
import { Turns } from '@soma/wire'
import { WAITING_MAX } from './limits.ts'
import type { Owned } from './owned.ts'
import type { Plan } from './plan.ts'

/** What models that read texts have in common: one context, in which one call computes after the other. */
export class TextsModel<Context> implements LoadedModel {
  readonly signature: Signature = { inputs: [], outputs: [] }
  readonly concurrency = 1
  readonly contextLength: number
  readonly device: string
  protected readonly context: Context
  readonly #owned: Owned
  readonly #turns = new Turns(WAITING_MAX)

  constructor(context: Context, { contextLength }: Plan, owned: Owned) {
    this.context = context
    this.contextLength = contextLength
    this.device = owned.device
    this.#owned = owned
  }

  usage(): MemoryUsage {
    return this.#owned.usage(0)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.dispose()
  }

  /** @throws {SomaError} `resource/exhausted` when too many wait; what `work` throws. */
  protected inTurn<Result>({ signal }: EngineContext, work: () => Promise<Result>): Promise<Result> {
    return this.#turns.run(signal, work)
  }
}
