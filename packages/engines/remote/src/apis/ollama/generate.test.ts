import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeValues } from '@soma/spec'
import { createModelEndpoint, ollamaApi } from '@soma/testkit/server'
import { assertParrot, ctx, loadEndpoint, said, say } from '../../test-answers.ts'

test('Ollama answers, from messages and past the chat template', async () => {
  await using server = await createModelEndpoint(ollamaApi('parrot'))
  await using model = await loadEndpoint({ api: 'ollama', url: server.origin, model: 'parrot' })
  await assertParrot(model)
  assert.equal((await said(model, { prompt: ' raw prompt' })).text, ' raw prompt')
  const { raw, truncate } = server.requests.at(-1)?.json ?? {}
  assert.deepEqual([raw, truncate], [true, false])
})

test('a tool’s answer is told by the name of the function', async () => {
  await using server = await createModelEndpoint(ollamaApi('parrot'))
  await using model = await loadEndpoint({ api: 'ollama', url: server.origin, model: 'parrot' })
  await said(model, {
    messages: [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: '', toolCalls: [{ id: 't1', name: 'weather', arguments: '{"city":"Rome"}' }] },
      { role: 'tool', content: 'sunny', toolCallId: 't1' },
    ],
    format: { type: 'json-schema', schema: { type: 'object' } },
    topK: 3,
  })
  const { messages, format, options } = (server.requests[0]?.json ?? {}) as Record<string, unknown>
  assert.deepEqual(messages, [
    { role: 'user', content: 'Weather?' },
    { role: 'assistant', content: '', tool_calls: [{ function: { name: 'weather', arguments: { city: 'Rome' } } }] },
    { role: 'tool', content: 'sunny', tool_name: 'weather' },
  ])
  assert.deepEqual([format, options], [{ type: 'object' }, { top_k: 3 }])
})

test('a model that is not there, and a forced tool, are refused', async () => {
  await using server = await createModelEndpoint(ollamaApi('parrot'))
  await using model = await loadEndpoint({ api: 'ollama', url: server.origin, model: 'gone' })
  await assert.rejects(said(model, say('x')), { code: 'engine/missing', message: /"gone" not found/ })
  await assert.rejects(said(model, { ...say('x'), toolChoice: 'required' }), { code: 'model/unsupported', message: /toolChoice/ })
})

test('texts become vectors of length 1, or as they are', async () => {
  await using server = await createModelEndpoint(ollamaApi('parrot'))
  await using model = await loadEndpoint({ api: 'ollama', url: server.origin, model: 'parrot', task: 'feature-extraction' })
  assert.ok(!('generate' in model))
  const raw = await model.embed?.({ input: ['ab', 'c d'], normalize: false }, ctx)
  assert.deepEqual(
    [raw?.embeddings.shape, decodeValues('float32', raw?.embeddings.data ?? new Uint8Array(0))],
    [
      [2, 3],
      [2, 1, 1, 3, 2, 1],
    ],
  )
  const one = await model.embed?.({ input: ['ab'], normalize: true }, ctx)
  const [a = 0, b = 0, c = 0] = decodeValues('float32', one?.embeddings.data ?? new Uint8Array(0)) as number[]
  assert.ok(Math.abs(Math.hypot(a, b, c) - 1) < 1e-6)
  await assert.rejects(model.embed?.({ input: ['ab'], normalize: true, dimensions: 2 }, ctx) ?? assert.fail(), {
    code: 'model/unsupported',
    message: /dimensions/,
  })
})
