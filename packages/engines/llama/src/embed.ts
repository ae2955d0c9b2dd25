import type { LlamaEmbeddingContext, Token } from 'node-llama-cpp'
import { throwIfAborted } from '@soma/core'
import type { EmbedRequest, EmbedResponse, EngineContext, LoadedModel, MemoryUsage, Signature } from '@soma/spec'
import { encodeValues } from '@soma/spec'
import { contextOverflow, unsupported } from './errors.ts'
import type { Owned } from './load.ts'
import type { Plan } from './plan.ts'
import { Turns } from './turns.ts'

/** A model that makes vectors of texts. */
export class EmbedModel implements LoadedModel {
  readonly signature: Signature = { inputs: [], outputs: [] }
  readonly concurrency = 1
  readonly contextLength: number
  readonly device: string
  readonly #context: LlamaEmbeddingContext
  readonly #owned: Owned
  readonly #turns = new Turns()

  constructor(context: LlamaEmbeddingContext, { contextLength }: Plan, owned: Owned) {
    this.#context = context
    this.contextLength = contextLength
    this.device = owned.device
    this.#owned = owned
  }

  /** @throws {SomaError} `model/context-overflow`, `model/unsupported` for more dimensions than the model has. */
  embed(request: EmbedRequest, ctx: EngineContext): Promise<EmbedResponse> {
    return this.#turns.take(() => this.#embed(request, ctx))
  }

  async #embed({ input, normalize, dimensions, overflow }: EmbedRequest, { signal }: EngineContext): Promise<EmbedResponse> {
    const { embeddingVectorSize } = this.#context.model
    const width = dimensions ?? embeddingVectorSize
    if (width > embeddingVectorSize) throw unsupported('dimensions', `the model's vectors have ${embeddingVectorSize} numbers`)
    const texts = input.map((text) => this.#tokens(text, overflow === 'truncate'))
    const values: number[] = []
    for (const { tokens } of texts) {
      throwIfAborted(signal)
      const { vector } = await this.#context.getEmbeddingFor([...tokens])
      const cut = vector.length === 0 ? Array<number>(width).fill(0) : vector.slice(0, width)
      values.push(...(normalize ? normalized(cut) : cut))
    }
    const promptTokens = texts.reduce((sum, { length }) => sum + length, 0)
    const truncated = texts.flatMap(({ isCut }, index) => (isCut ? [index] : []))
    return {
      embeddings: { name: 'embeddings', dtype: 'float32', shape: [input.length, width], data: encodeValues('float32', values) },
      usage: { promptTokens, cachedTokens: 0, generatedTokens: 0 },
      ...(truncated.length > 0 && { truncated }),
    }
  }

  /** Without the tokens that the library puts around a text, which count for the length. */
  #tokens(text: string, mayCut: boolean): { readonly tokens: readonly Token[]; readonly length: number; readonly isCut: boolean } {
    const tokens = this.#context.model.tokenize(text)
    const length = this.#context.calculateInputLength([...tokens])
    const excess = length - (this.contextLength - 1)
    if (excess <= 0) return { tokens, length, isCut: false }
    if (!mayCut) throw contextOverflow(length, this.contextLength)
    return { tokens: tokens.slice(0, -excess), length: length - excess, isCut: true }
  }

  usage(): MemoryUsage {
    return this.#owned.usage(0)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.dispose()
  }
}

function normalized(vector: readonly number[]): readonly number[] {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((value) => value / length)
}
