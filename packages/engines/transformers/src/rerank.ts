import { defined, throwIfAborted } from '@soma/core'
import type { EngineContext, LoadedModel, RerankRequest, RerankResponse } from '@soma/spec'
import { unsupported } from './errors.ts'
import { type Parts, labelCount } from './parts.ts'
import { outputOf, row, sigmoid } from './tensors.ts'

/**
 * Scores of documents for a query, from 0 to 1, by a model that reads both together and has one class.
 * @throws {SomaError} `model/unsupported` for a model with more.
 */
export function rerank(parts: Parts): NonNullable<LoadedModel['rerank']> {
  const tokens = defined(parts.tokens, 'the task takes text')
  const classes = labelCount(parts.config)
  if (classes !== undefined && classes !== 1)
    throw unsupported('task', `ranking needs a model with one class; this one has ${classes}`, { task: parts.task, classes })
  return async ({ query, documents, overflow }: RerankRequest, { signal }: EngineContext): Promise<RerankResponse> => {
    const scores: number[] = []
    const truncated: number[] = []
    let promptTokens = 0
    for (const [index, document] of documents.entries()) {
      throwIfAborted(signal)
      const sequence = tokens.fit(`document ${index} with the query`, query, { pair: document, truncate: overflow === 'truncate' })
      if (sequence.truncated) truncated.push(index)
      promptTokens += sequence.ids.length
      const [logit = 0] = row(outputOf(await parts.model(tokens.feeds(sequence)), 'logits'), 0)
      scores.push(sigmoid(logit))
    }
    const usage = { promptTokens, cachedTokens: 0, generatedTokens: 0 }
    return { scores, usage, ...(truncated.length > 0 && { truncated }) }
  }
}
