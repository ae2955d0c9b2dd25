import { defined, throwIfAborted } from '@soma/core'
import type { EmbedRequest, EmbedResponse, EngineContext, LoadedModel } from '@soma/spec'
import { unsupported } from './errors.ts'
import type { Feeds, LibraryTensor } from './library.ts'
import type { Parts, Pooling } from './parts.ts'
import { floats, outputOf, row } from './tensors.ts'

/**
 * Vectors of texts, pooled as the package says. One text at a time: on a CPU a batch is hardly faster, and the answers of
 * models with dynamic quantisation would depend on what else is in it.
 */
export function embed(parts: Parts): NonNullable<LoadedModel['embed']> {
  const tokens = defined(parts.tokens, 'the task takes text')
  return async ({ input, normalize, dimensions, overflow }: EmbedRequest, { signal }: EngineContext): Promise<EmbedResponse> => {
    const vectors: number[][] = []
    const truncated: number[] = []
    let promptTokens = 0
    for (const [index, text] of input.entries()) {
      throwIfAborted(signal)
      const sequence = tokens.fit(`text ${index}`, text, { truncate: overflow === 'truncate' })
      if (sequence.truncated) truncated.push(index)
      promptTokens += sequence.ids.length
      const vector = pool(await parts.model(tokens.feeds(sequence)), parts.pooling)
      vectors.push(finish(vector, { normalize, dimensions }))
    }
    const shape = [vectors.length, vectors[0]?.length ?? 0]
    const usage = { promptTokens, cachedTokens: 0, generatedTokens: 0 }
    return { embeddings: floats('embeddings', vectors.flat(), shape), usage, ...(truncated.length > 0 && { truncated }) }
  }
}

/** Some exports pool themselves, and give a vector of the whole text. */
function pool(outputs: Feeds, pooling: Pooling): number[] {
  if (outputs['sentence_embedding'] && outputs['sentence_embedding'].dims.length === 2)
    return row(outputOf(outputs, 'sentence_embedding'), 0)
  const states = outputOf(outputs, outputs['last_hidden_state'] ? 'last_hidden_state' : (Object.keys(outputs)[0] ?? 'last_hidden_state'))
  return states.dims.length === 2 ? row(states, 0) : poolers[pooling](rowsOf(states))
}

function rowsOf(states: LibraryTensor): number[][] {
  return Array.from({ length: states.dims[1] ?? 0 }, (_, index) => row(states, index))
}

const poolers: Readonly<Record<Pooling, (rows: readonly number[][]) => number[]>> = {
  mean: (rows) => weighted(rows, () => 1 / rows.length),
  'mean-sqrt': (rows) => weighted(rows, () => 1 / Math.sqrt(rows.length)),
  'weighted-mean': (rows) => weighted(rows, (index) => (index + 1) / ((rows.length * (rows.length + 1)) / 2)),
  cls: (rows) => [...(rows[0] ?? [])],
  last: (rows) => [...(rows.at(-1) ?? [])],
  max: (rows) => (rows[0] ?? []).map((_, column) => rows.reduce((most, values) => Math.max(most, values[column] ?? 0), -Infinity)),
}

function weighted(rows: readonly number[][], weightOf: (index: number) => number): number[] {
  const sum = (rows[0] ?? []).map(() => 0)
  for (const [index, values] of rows.entries()) {
    const weight = weightOf(index)
    for (let column = 0; column < sum.length; column++) sum[column] = (sum[column] ?? 0) + weight * (values[column] ?? 0)
  }
  return sum
}

function finish(vector: readonly number[], { normalize, dimensions }: Pick<EmbedRequest, 'normalize' | 'dimensions'>): number[] {
  if (dimensions !== undefined && dimensions > vector.length)
    throw unsupported('dimensions', `the model's vectors have ${vector.length} numbers`, { dimensions, dimensionsMax: vector.length })
  const kept = vector.slice(0, dimensions)
  const length = normalize ? Math.hypot(...kept) : 1
  return length === 0 ? kept : kept.map((value) => value / length)
}
