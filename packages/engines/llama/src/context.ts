import type { LlamaContext, LlamaContextSequence, LlamaModel, TokenPredictor } from 'node-llama-cpp'
import type { LoraAdapter, Settings } from './options.ts'
import type { Plan } from './plan.ts'
import type { Library } from './runtime.ts'
import { type Slot, Slots } from './slots.ts'

/** What contexts are made of, again and again where memory is to be overwritten. */
export interface ContextParts {
  readonly library: Library
  readonly model: LlamaModel
  /** The small model that guesses. */
  readonly draft: LlamaModel | undefined
  readonly plan: Plan
  readonly threads: number
  readonly lora: readonly LoraAdapter[]
  readonly speculative: Settings['speculative']
}

/** A context with all its sequences. Disposing gives its memory back. */
export interface OpenContext extends AsyncDisposable {
  readonly context: LlamaContext
  readonly slots: Slots
}

export async function openContext(parts: ContextParts, signal?: AbortSignal): Promise<OpenContext> {
  const { library, model, draft, plan, lora, speculative } = parts
  const context = await create(parts, model, signal, { adapters: [...lora] })
  const draftContext = draft && (await create(parts, draft, signal))
  const predictor = (): TokenPredictor | undefined => {
    if (draftContext) return new library.DraftSequenceTokenPredictor(draftContext.getSequence())
    return speculative === 'lookup' ? new library.InputLookupTokenPredictor() : undefined
  }
  const sequences = Array.from({ length: plan.sequences }, (): LlamaContextSequence => {
    const tokenPredictor = predictor()
    return context.getSequence(tokenPredictor && { tokenPredictor })
  })
  return {
    context,
    slots: new Slots(sequences),
    async [Symbol.asyncDispose]() {
      await context.dispose()
      await draftContext?.dispose()
    },
  }
}

/** The context of a loaded model. Made anew, it holds nothing of what was computed: llama.cpp itself only forgets where it lies. */
export class Contexts implements AsyncDisposable {
  readonly #parts: ContextParts
  #open: OpenContext
  #renewal: Promise<void> | undefined

  constructor(parts: ContextParts, open: OpenContext) {
    this.#parts = parts
    this.#open = open
  }

  get slots(): Slots {
    return this.#open.slots
  }

  get contextLength(): number {
    return this.#open.context.contextSize
  }

  /** Bytes of the device's own memory. */
  get deviceBytes(): number {
    return this.#open.context.memoryUsage.vram
  }

  /** Waits while the context is made anew, and then as `Slots.take`. */
  async take(session: string | undefined, signal: AbortSignal): Promise<Slot> {
    while (this.#renewal) await this.#renewal
    return this.#open.slots.take(session, signal)
  }

  renew(): Promise<void> {
    return (this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined)))
  }

  async #renew(): Promise<void> {
    const { llama } = this.#parts.model
    const { maxThreads } = llama
    await this.#open[Symbol.asyncDispose]()
    llama.maxThreads = 0
    this.#open = await openContext(this.#parts)
    llama.maxThreads = maxThreads
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#renewal
    await this.#open[Symbol.asyncDispose]()
  }
}

function create(
  { plan, threads }: ContextParts,
  model: LlamaModel,
  signal: AbortSignal | undefined,
  lora?: { adapters: LoraAdapter[] },
): Promise<LlamaContext> {
  return model.createContext({
    contextSize: plan.contextLength,
    sequences: plan.sequences,
    batchSize: plan.batchSize,
    threads: { ideal: threads, min: 1 },
    flashAttention: plan.flashAttention,
    experimentalKvCacheKeyType: plan.kvType,
    experimentalKvCacheValueType: plan.kvType,
    // Whether it fits is the host's to judge, by our estimate; a shorter context than asked for would be no answer.
    failedCreationRemedy: false,
    ...(lora && lora.adapters.length > 0 && { lora }),
    ...(signal && { createSignal: signal }),
  })
}
