import type { LlamaEmbeddingContext, Token } from 'node-llama-cpp'
import { throwIfAborted } from '@soma/core'
import type { EmbedRequest, EmbedResponse, EngineContext } from '@soma/spec'
import { encodeValues } from '@soma/spec'
import { contextOverflow, unsupported } from './errors.ts'
import { TextsModel } from './texts-model.ts'

/** A model that makes vectors of texts. */
export class EmbedModel extends TextsModel<LlamaEmbeddingContext> {
  /** @throws {SomaError} `model/context-overflow`, `model/unsupported` for more dimensions than the model has. */
  embed(request: EmbedRequest, ctx: EngineContext): Promise<EmbedResponse> {
    return this.inTurn(ctx, () => this.#embed(request, ctx))
  }

  async #embed({ input, normalize, dimensions, overflow }: EmbedRequest, { signal }: EngineContext): Promise<EmbedResponse> {
    const { embeddingVectorSize } = this.context.model
    const width = dimensions ?? embeddingVectorSize
    if (width > embeddingVectorSize) throw unsupported('dimensions', `the model's vectors have ${embeddingVectorSize} numbers`)
    const texts = input.map((text) => this.#tokens(text, overflow === 'truncate'))
    const values: number[] = []
    for (const { tokens } of texts) {
      throwIfAborted(signal)
      const { vector } = await this.context.getEmbeddingFor([...tokens])
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
    const tokens = this.context.model.tokenize(text)
    const length = this.context.calculateInputLength([...tokens])
    const excess = length - (this.contextLength - 1)
    if (excess <= 0) return { tokens, length, isCut: false }
    if (!mayCut) throw contextOverflow(length, this.contextLength)
    return { tokens: tokens.slice(0, -excess), length: length - excess, isCut: true }
  }
}

function normalized(vector: readonly number[]): readonly number[] {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((value) => value / length)
}
