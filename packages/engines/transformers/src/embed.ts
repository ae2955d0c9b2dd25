import { defined, throwIfAborted } from '@soma/core'
import type { EmbedRequest, EmbedResponse, EngineContext, LoadedModel } from '@soma/spec'
import { unsupported } from './errors.ts'
import type { Feeds } from './library.ts'
import { EMBED_BATCH_MAX } from './limits.ts'
import type { Parts, Pooling } from './parts.ts'
import { floats, outputOf, row } from './tensors.ts'
import type { Fitted } from './tokens.ts'

/** A text as the model takes it, and its place in the request. */
interface Text extends Fitted {
  readonly index: number
}

/** Vectors of texts, pooled as the package says. Texts of like length go through the model together. */
export function embed(parts: Parts): NonNullable<LoadedModel['embed']> {
  const tokens = defined(parts.tokens, 'the task takes text')
  const together = batchMax(parts)
  return async ({ input, normalize, dimensions, overflow }: EmbedRequest, { signal }: EngineContext): Promise<EmbedResponse> => {
    const truncate = overflow === 'truncate'
    const texts = input.map((text, index): Text => ({ index, ...tokens.fit(`text ${index}`, text, { truncate }) }))
    const vectors: number[][] = []
    for (const batch of batches(texts, together)) {
      throwIfAborted(signal)
      const outputs = await parts.model(tokens.batch(batch))
      for (const [place, { index, ids }] of batch.entries())
        vectors[index] = finish(pool(outputs, { place, length: ids.length }, parts.pooling), { normalize, dimensions })
    }
    const truncated = texts.filter((text) => text.truncated).map(({ index }) => index)
    const promptTokens = texts.reduce((sum, { ids }) => sum + ids.length, 0)
    return {
      embeddings: floats('embeddings', vectors.flat(), [vectors.length, vectors[0]?.length ?? 0]),
      usage: { promptTokens, cachedTokens: 0, generatedTokens: 0 },
      ...(truncated.length > 0 && { truncated }),
    }
  }
}

/**
 * How many texts at once. One by one where the answers would depend on what else is in the batch, as those of models that
 * quantise what they compute do, and where the export takes one.
 */
function batchMax({ model, dtype }: Parts): number {
  const inputs = model.sessions['model']?.inputMetadata ?? []
  const single = inputs.some(({ shape }) => shape?.[0] === 1)
  return single || ['q8', 'int8', 'uint8'].includes(dtype) ? 1 : EMBED_BATCH_MAX
}

/** By length, so that little is filled up. */
function* batches(texts: readonly Text[], max: number): Generator<readonly Text[]> {
  const sorted = texts.toSorted((a, b) => a.ids.length - b.ids.length)
  for (let at = 0; at < sorted.length; at += max) yield sorted.slice(at, at + max)
}

/** Which text of a batch, and how many of its tokens are its own. */
interface Place {
  readonly place: number
  readonly length: number
}

/** Some exports pool themselves, and give a vector of the whole text. */
function pool(outputs: Feeds, { place, length }: Place, pooling: Pooling): number[] {
  const whole = outputs['sentence_embedding']?.dims.length === 2
  const [first = 'last_hidden_state'] = Object.keys(outputs)
  const states = outputOf(outputs, whole ? 'sentence_embedding' : outputs['last_hidden_state'] ? 'last_hidden_state' : first)
  if (states.dims.length === 2) return row(states, place)
  const begin = place * (states.dims[1] ?? 0)
  return poolers[pooling](Array.from({ length }, (_, index) => row(states, begin + index)))
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
