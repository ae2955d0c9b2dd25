import type { LlamaRankingContext, Token } from 'node-llama-cpp'
import { throwIfAborted } from '@soma/core'
import type { EngineContext, RerankRequest, RerankResponse } from '@soma/spec'
import { contextOverflow } from './errors.ts'
import { TextsModel } from './texts-model.ts'

/** A model that scores how well documents answer a query. */
export class RerankModel extends TextsModel<LlamaRankingContext> {
  /** @throws {SomaError} `model/context-overflow`. */
  rerank(request: RerankRequest, ctx: EngineContext): Promise<RerankResponse> {
    return this.inTurn(ctx, () => this.#rerank(request, ctx))
  }

  async #rerank({ query, documents, overflow }: RerankRequest, { signal }: EngineContext): Promise<RerankResponse> {
    const inputs = documents.map((document) => this.#fit(query, document, overflow === 'truncate'))
    const scores: number[] = []
    for (const { document } of inputs) {
      throwIfAborted(signal)
      scores.push(await this.context.rank(query, document))
    }
    const promptTokens = inputs.reduce((sum, { length }) => sum + length, 0)
    const truncated = inputs.flatMap(({ isCut }, index) => (isCut ? [index] : []))
    return { scores, usage: { promptTokens, cachedTokens: 0, generatedTokens: 0 }, ...(truncated.length > 0 && { truncated }) }
  }

  /** Of a document that is too long its beginning, which mostly says what it is about. */
  #fit(
    query: string,
    document: string,
    mayCut: boolean,
  ): { readonly document: Token[] | string; readonly length: number; readonly isCut: boolean } {
    const length = this.context.calculateInputLength(query, document)
    const excess = length - (this.contextLength - 1)
    if (excess <= 0) return { document, length, isCut: false }
    const tokens = this.context.model.tokenize(document, false, 'trimLeadingSpace')
    if (!mayCut || excess >= tokens.length) throw contextOverflow(length, this.contextLength)
    return { document: tokens.slice(0, -excess), length: length - excess, isCut: true }
  }
}
