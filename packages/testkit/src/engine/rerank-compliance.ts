import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from './engine-compliance.ts'
import { refused } from './refused.ts'

export interface RerankSamples {
  readonly query: string
  readonly documents: readonly [string, ...string[]]
  /** Position of the document that answers best, where the model is one that knows. */
  readonly best?: number
  /** A document that does not fit into the context. */
  readonly tooLong?: string
}

/** Scores that are equal up to the rounding of another batch. */
const SCORE_DIFFERENCE_MAX = 1e-3

export function testRerank({ engine }: Session, { query, documents, best, tooLong }: RerankSamples): void {
  void test('documents get scores, in their order, alone as together', async () => {
    const { scores, usage } = await engine().ask('rerank', { query, documents: [...documents] })
    assert.equal(scores.length, documents.length)
    assert.ok(usage.promptTokens > 0)
    for (const [index, document] of documents.entries()) {
      const [alone = Number.NaN] = (await engine().ask('rerank', { query, documents: [document] })).scores
      assert.ok(Math.abs(alone - (scores[index] ?? 0)) < SCORE_DIFFERENCE_MAX, `document ${index} has another score when it is alone`)
    }
    if (best !== undefined) assert.equal(scores.indexOf(Math.max(...scores)), best)
  })

  if (tooLong === undefined) return

  void test('a document over the context is refused with both lengths, or cut if that is allowed, saying which', async () => {
    const input = { query, documents: [documents[0], tooLong] }
    const { details } = await refused(engine().ask('rerank', input), 'model/context-overflow')
    assert.ok(Number(details['promptTokens']) > Number(details['contextLength']))
    assert.deepEqual((await engine().ask('rerank', { ...input, overflow: 'truncate' })).truncated, [1])
  })
}
