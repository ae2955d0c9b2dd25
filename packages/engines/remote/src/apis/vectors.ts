import type { EmbedRequest, EmbedResponse } from '@soma/spec'
import { unreadable, unsupported } from '../errors.ts'

/** Vectors of an answer as the tensor that was asked for. @throws {SomaError} when there are too few, or of another length. */
export function vectorsTensor(
  origin: string,
  vectors: ReadonlyArray<readonly number[]>,
  { input, normalize, dimensions }: EmbedRequest,
): EmbedResponse['embeddings'] {
  const columns = vectors[0]?.length ?? 0
  if (vectors.length !== input.length || columns === 0 || vectors.some(({ length }) => length !== columns))
    throw unreadable(origin, `${vectors.length} vectors for ${input.length} texts, or of different lengths`)
  if (dimensions !== undefined && columns !== dimensions) throw unsupported('dimensions', 'endpoint’s embedding')
  const data = new Float32Array(input.length * columns)
  vectors.forEach((vector, row) => data.set(normalize ? toLengthOne(vector) : vector, row * columns))
  return { name: 'embeddings', dtype: 'float32', shape: [input.length, columns], data: new Uint8Array(data.buffer) }
}

function toLengthOne(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector)
  return length === 0 ? [...vector] : vector.map((value) => value / length)
}
