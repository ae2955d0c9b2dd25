import assert from 'node:assert/strict'
import { test } from 'node:test'
import { behave } from '@soma/testkit/face'
import { TestOpenAi } from './test-openai.ts'

const vectors = new Float32Array([0.25, -1, 3.5, 0.1, 2, -0.5])

function twoVectors(): Promise<unknown> {
  // One byte in, so that no row begins where floats may.
  const data = new Uint8Array(1 + vectors.byteLength)
  data.set(new Uint8Array(vectors.buffer), 1)
  return Promise.resolve({
    embeddings: { name: 'embeddings', dtype: 'float32', shape: [2, 3], data: data.subarray(1) },
    usage: { promptTokens: 4, cachedTokens: 0, generatedTokens: 0 },
    timings: { queueMs: 0, loadMs: 0, runMs: 0 },
  })
}

test('vectors come as numbers, or as base64 that the client reads by itself', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.embed', twoVectors)
  for (const format of [{}, { encoding_format: 'float' as const }]) {
    const answer = await openai.client.embeddings.create({ model: 'tiny', input: ['a', 'b'], dimensions: 3, ...format })
    assert.deepEqual(
      answer.data.map(({ index, embedding }) => [index, [...embedding]]),
      [
        [0, [...vectors.subarray(0, 3)]],
        [1, [...vectors.subarray(3)]],
      ],
    )
    assert.deepEqual([answer.object, answer.model, answer.usage], ['list', 'tiny', { prompt_tokens: 4, total_tokens: 4 }])
    assert.deepEqual(openai.input, { model: 'tiny', input: ['a', 'b'], normalize: true, dimensions: 3 })
  }
})

test('one text is a list of one; tokens are refused by name', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.embed', twoVectors)
  await openai.client.embeddings.create({ model: 'tiny', input: 'a' })
  assert.deepEqual((openai.input as { input: unknown }).input, ['a'])
  const tokens = openai.client.embeddings.create({ model: 'tiny', input: [1, 2] })
  await assert.rejects(tokens, { status: 400, param: 'input[0]', message: /send text/ })
})
