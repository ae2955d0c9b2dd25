import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anthropicApi, createModelEndpoint } from '@soma/testkit/server'
import { assertParrot, loadEndpoint, said, say } from '../../test-answers.ts'
import { openPolicy } from '../../test-endpoints.ts'

const KEY = 'sk-ant-test'

test('Claude’s API answers, with its own key and version', async () => {
  await using server = await createModelEndpoint(anthropicApi(KEY))
  await using model = await loadEndpoint(
    { api: 'anthropic', url: server.origin, model: 'claude' },
    { policy: openPolicy([server.origin], KEY) },
  )
  await assertParrot(model)
  const { usage } = (await said(model, say('a b c'))).result
  assert.deepEqual(usage, { promptTokens: 3, cachedTokens: 1, generatedTokens: 3 })
})

test('a conversation takes turns: system apart, tools answered by the user', async () => {
  await using server = await createModelEndpoint(anthropicApi(KEY))
  await using model = await loadEndpoint(
    { api: 'anthropic', url: server.origin, model: 'claude' },
    { policy: openPolicy([server.origin], KEY) },
  )
  const png = new Uint8Array([0x89, 0x50, 1])
  await said(model, {
    messages: [
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'Look', images: [png] },
      { role: 'assistant', content: '', toolCalls: [{ id: 't1', name: 'look', arguments: '{"far":true}' }] },
      { role: 'tool', content: 'a cat', toolCallId: 't1' },
      { role: 'user', content: 'And?' },
    ],
    toolChoice: 'required',
    temperature: 0.5,
    topK: 3,
    maxTokens: 9,
  })
  assert.deepEqual(server.requests[0]?.json, {
    model: 'claude',
    stream: true,
    max_tokens: 9,
    system: 'Be brief',
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVAB' } },
          { type: 'text', text: 'Look' },
        ],
      },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'look', input: { far: true } }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 't1', content: 'a cat' },
          { type: 'text', text: 'And?' },
        ],
      },
    ],
    temperature: 0.5,
    top_k: 3,
    tool_choice: { type: 'any' },
  })
})

test('what Claude’s API has no word for is refused by name', async () => {
  await using model = await loadEndpoint({ api: 'anthropic', url: 'http://127.0.0.1:9', model: 'claude' })
  for (const field of [{ seed: 1 }, { presencePenalty: 1 }, { format: { type: 'json' as const } }, { overflow: 'truncate' as const }])
    await assert.rejects(said(model, { ...say('x'), ...field }), {
      code: 'model/unsupported',
      message: new RegExp(Object.keys(field)[0] ?? ''),
    })
  await assert.rejects(said(model, { prompt: 'x' }), { code: 'model/unsupported', message: /prompt/ })
})

test('an error in the stream is the error of the call', async () => {
  await using server = await createModelEndpoint({})
  server.override('POST /v1/messages', {
    body: 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
  })
  await using model = await loadEndpoint({ api: 'anthropic', url: server.origin, model: 'claude' })
  await assert.rejects(said(model, say('x')), { code: 'engine/failed', message: /Overloaded/ })
})
