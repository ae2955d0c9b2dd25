import type { LlamaContext, LlamaContextSequence, LlamaModel, TokenPredictor } from 'node-llama-cpp'
import { SomaError } from '@soma/core'
import { messageOf } from './errors.ts'
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
  readonly slots: Slots
  readonly contextLength: number
  /** Bytes of the device's own memory. */
  readonly deviceBytes: number
}

export async function openContext(parts: ContextParts, signal?: AbortSignal): Promise<OpenContext> {
  const { llama } = parts.model
  const { maxThreads } = llama
  // Without a limit while contexts are made: the library would take it for what they may ever use.
  llama.maxThreads = 0
  try {
    return await open(parts, signal)
  } finally {
    llama.maxThreads = maxThreads
  }
}

async function open(parts: ContextParts, signal: AbortSignal | undefined): Promise<OpenContext> {
  const { library, model, draft, plan, lora, speculative } = parts
  await using opened = new AsyncDisposableStack()
  const draftContext = draft && opened.use(await create(parts, draft, signal))
  const context = opened.use(await create(parts, model, signal, { adapters: [...lora] }))
  const predictor = (): TokenPredictor | undefined => {
    if (draftContext) return new library.DraftSequenceTokenPredictor(draftContext.getSequence())
    return speculative === 'lookup' ? new library.InputLookupTokenPredictor() : undefined
  }
  const sequences = Array.from({ length: plan.sequences }, (): LlamaContextSequence => {
    const tokenPredictor = predictor()
    return context.getSequence(tokenPredictor && { tokenPredictor })
  })
  const kept = opened.move()
  return {
    slots: new Slots(sequences),
    contextLength: context.contextSize,
    get deviceBytes() {
      return context.memoryUsage.vram
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** The context of a loaded model. Made anew, it holds nothing of what was computed: llama.cpp itself only forgets where it lies. */
export class Contexts implements AsyncDisposable {
  readonly contextLength: number
  readonly #make: () => Promise<OpenContext>
  /** Undefined while it is made anew, and when that failed. */
  #open: OpenContext | undefined
  #renewal: Promise<void> | undefined

  constructor(make: () => Promise<OpenContext>, open: OpenContext) {
    this.#make = make
    this.#open = open
    this.contextLength = open.contextLength
  }

  /** Sequences that calls have computed in; none after a failure to make the context anew. */
  get slots(): Slots | undefined {
    return this.#open?.slots
  }

  /** Bytes of the device's own memory. */
  get deviceBytes(): number {
    return this.#open?.deviceBytes ?? 0
  }

  /**
   * Waits while the context is made anew, and then as `Slots.take`. Where that failed it is tried again.
   * @throws {SomaError} `resource/exhausted` when the context cannot be made.
   */
  async take(session: string | undefined, signal: AbortSignal): Promise<Slot> {
    while (this.#renewal || !this.#open) await (this.#renewal ?? this.renew())
    return this.#open.slots.take(session, signal)
  }

  /** @throws {SomaError} `resource/exhausted` when it cannot be made; what was computed is gone all the same. */
  renew(): Promise<void> {
    return (this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined)))
  }

  async #renew(): Promise<void> {
    const old = this.#open
    this.#open = undefined
    await old?.[Symbol.asyncDispose]()
    try {
      this.#open = await this.#make()
    } catch (cause) {
      throw new SomaError('resource/exhausted', `llama.cpp cannot make the context anew: ${messageOf(cause)}; free memory and call again`, {
        cause,
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#renewal?.catch(() => undefined)
    await this.#open?.[Symbol.asyncDispose]()
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
