import type { EmbedRequest, EmbedResponse, EngineContext, RerankRequest, RerankResponse } from '@soma/spec'
import { z } from 'zod'
import { unreadable, unsupported } from '../../errors.ts'
import { readJson } from '../../http/read.ts'
import type { Target } from '../api.ts'
import { vectorsTensor } from '../vectors.ts'

const Usage = z.object({
  prompt_tokens: z.number().int().nonnegative().optional(),
  total_tokens: z.number().int().nonnegative().optional(),
})
const Embeddings = z.object({
  data: z.array(z.object({ index: z.number().int(), embedding: z.array(z.number()) })),
  usage: Usage.nullish(),
})
const Ranking = z.object({
  results: z.array(z.object({ index: z.number().int().nonnegative(), relevance_score: z.number() })),
  usage: Usage.nullish(),
})

/** `POST /embeddings` */
export async function embed({ connection, model }: Target, request: EmbedRequest, { signal }: EngineContext): Promise<EmbedResponse> {
  if (request.overflow === 'truncate') throw unsupported('overflow', 'OpenAI')
  const body = { model, input: request.input, dimensions: request.dimensions, encoding_format: 'float' }
  const { data, usage } = await readJson(connection.origin, await connection.send('/embeddings', { body, signal }), Embeddings)
  const vectors = data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => embedding)
  return { embeddings: vectorsTensor(connection.origin, vectors, request), usage: usageOf(usage) }
}

/** `POST /rerank`, as vLLM, llama-server and Jina have it beside OpenAI’s paths. */
export async function rerank({ connection, model }: Target, request: RerankRequest, { signal }: EngineContext): Promise<RerankResponse> {
  if (request.overflow === 'truncate') throw unsupported('overflow', 'rerank')
  const { query, documents } = request
  const response = await connection.send('/rerank', { body: { model, query, documents, top_n: documents.length }, signal })
  const { results, usage } = await readJson(connection.origin, response, Ranking)
  const scores = new Map(results.map(({ index, relevance_score: score }) => [index, score]))
  if (documents.some((_, index) => !scores.has(index))) throw unreadable(connection.origin, 'scores for some of the documents only')
  return { scores: documents.map((_, index) => scores.get(index) ?? 0), usage: usageOf(usage) }
}

function usageOf(usage: z.output<typeof Usage> | null | undefined): EmbedResponse['usage'] {
  return { promptTokens: usage?.prompt_tokens ?? usage?.total_tokens ?? 0, cachedTokens: 0, generatedTokens: 0 }
}
