import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeValues } from '@soma/spec'
import type { Session } from './engine-compliance.ts'
import type { EngineUnderTest, SmiInput } from './engine-under-test.ts'
import { refused } from './refused.ts'

export interface EmbedSamples {
  /** Of three texts or more the first two are closer to each other than either is to the third. */
  readonly texts: readonly [string, string, ...string[]]
  /** Length of the vectors. */
  readonly dimensions: number
  /** A text that does not fit into the context. */
  readonly tooLong?: string
}

/** Vectors that are equal up to the rounding of another batch. */
const COSINE_MIN = 0.999

export function testEmbed({ engine }: Session, { texts, dimensions, tooLong }: EmbedSamples): void {
  const embed = (input: Partial<SmiInput<'embed'>> = {}): ReturnType<typeof embedded> => embedded(engine(), { input: [...texts], ...input })

  void test('texts become vectors of length 1, in their order, alone as together', async () => {
    const { vectors, usage } = await embed()
    assert.deepEqual(
      vectors.map((vector) => vector.length),
      texts.map(() => dimensions),
    )
    for (const vector of vectors) assert.ok(Math.abs(dot(vector, vector) - 1) < 1e-3, 'a vector has not length 1')
    assert.ok(usage.promptTokens > 0)
    for (const [index, text] of texts.entries()) {
      const [alone = []] = (await embed({ input: [text] })).vectors
      assert.ok(dot(alone, vectors[index] ?? []) > COSINE_MIN, `text ${index} has another vector when it is alone`)
    }
    const [a = [], b = [], c] = vectors
    if (c) assert.ok(dot(a, b) > Math.max(dot(a, c), dot(b, c)), 'the third text is as close as the second')
  })

  void test('raw vectors and short ones are cut from the same cloth', async () => {
    const [whole] = (await embed()).vectors
    const [raw] = (await embed({ normalize: false })).vectors
    const [short] = (await embed({ dimensions: 2 })).vectors
    assert.ok(whole && raw && short)
    assert.ok(dot(whole, raw) / Math.sqrt(dot(raw, raw)) > COSINE_MIN)
    assert.equal(short.length, 2)
    assert.ok(Math.abs(dot(short, short) - 1) < 1e-3)
    assert.ok(dot(short, whole.slice(0, 2)) / Math.hypot(...whole.slice(0, 2)) > COSINE_MIN)
  })

  if (tooLong === undefined) return

  void test('a text over the context is refused with both lengths, or cut if that is allowed, saying which', async () => {
    const input = [texts[0], tooLong]
    const { details } = await refused(embed({ input }), 'model/context-overflow')
    assert.ok(Number(details['promptTokens']) > Number(details['contextLength']))
    assert.deepEqual((await embed({ input, overflow: 'truncate' })).truncated, [1])
  })
}

async function embedded(engine: EngineUnderTest, input: SmiInput<'embed'>) {
  const { embeddings, usage, truncated } = await engine.ask('embed', input)
  assert.equal(embeddings.dtype, 'float32')
  const [rows = 0, columns = 0] = embeddings.shape
  assert.equal(rows, input.input.length)
  const values = decodeValues('float32', embeddings.data) as number[]
  return { vectors: Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns)), usage, truncated }
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0)
}
