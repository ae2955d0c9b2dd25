import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Tensor, decodeStrings, encodeStrings, encodeValues } from '@soma/spec'
import { layOut } from '@soma/testkit/engine'
import { until } from '@soma/testkit/face'
import { type ModelEndpoint, createModelEndpoint } from '@soma/testkit/server'
import { createEngine } from '../../engine.ts'
import { ctx, deps, said, say } from '../../test-answers.ts'
import { openPolicy } from '../../test-endpoints.ts'

const version = 'a'.repeat(64)
const ID = 'p1'
const GET = `GET /predictions/${ID}`

/** Predictions that go through these states, one with each look. */
async function predictions(...states: object[]): Promise<ModelEndpoint> {
  const next = () => ({ body: JSON.stringify({ id: ID, ...(states.length > 1 ? states.shift() : states[0]) }) })
  return await createModelEndpoint({ 'POST /predictions': next, [GET]: next, [`POST /predictions/${ID}/cancel`]: () => ({ body: '{}' }) })
}

/** As the source of that name lays a model out. */
async function load(url: string, Input: object, Output: object) {
  const file = { provider: 'replicate', model: 'ann/m', version, schemas: { Input, Output } }
  await using folder = await layOut({
    files: { 'replicate.json': JSON.stringify(file) },
    roles: { model: 'replicate.json' },
    format: 'remote',
    task: 'tensor-to-tensor',
  })
  const settings = { provider: 'replicate', model: 'ann/m', version, schema: 'replicate.json', url }
  const quick = { ...deps, policy: openPolicy([url], 'r8_1'), sleep: () => Promise.resolve() }
  return await createEngine(quick).load(folder.pkg, { threads: 1, settings }, ctx)
}

const text = {
  properties: { prompt: { type: 'string' }, max_tokens: { type: 'integer' }, system_prompt: { type: 'string' } },
  required: ['prompt'],
}
const words = { type: 'array', items: { type: 'string' } }

test('a language model’s text appears as Replicate makes it', async () => {
  await using server = await predictions(
    { status: 'starting' },
    { status: 'processing', output: ['Good'] },
    { status: 'succeeded', output: ['Good', ' day'], metrics: { input_token_count: 3, output_token_count: 2 } },
  )
  await using model = await load(server.origin, text, words)
  const answer = await said(model, { messages: [{ role: 'system', content: 'Be kind' }, ...say('Hello').messages], maxTokens: 9 })
  assert.deepEqual(
    [answer.text, answer.result],
    ['Good day', { finish: 'stop', usage: { promptTokens: 3, cachedTokens: 0, generatedTokens: 2 } }],
  )
  assert.deepEqual(server.requests[0]?.json, { version, input: { prompt: 'Hello', system_prompt: 'Be kind', max_tokens: 9 } })
  assert.equal(server.requests[0]?.headers.authorization, 'Bearer r8_1')
  for (const field of [{ temperature: 1 }, { tools: [{ name: 'x' }] }])
    await assert.rejects(said(model, { ...say('x'), ...field }), {
      code: 'model/unsupported',
      message: new RegExp(Object.keys(field)[0] ?? ''),
    })
})

test('any model is asked by its inputs, files as bytes, and answers with texts', async () => {
  await using server = await predictions({ status: 'succeeded', output: 'https://replicate.delivery/x.png' })
  const Input = {
    properties: {
      image: { type: 'string', format: 'uri' },
      steps: { type: 'integer' },
      style: { allOf: [{ $ref: '#/components/schemas/style' }] },
      words: { type: 'array', items: { type: 'string' } },
    },
    required: ['image'],
  }
  await using model = await load(server.origin, Input, { type: 'string', format: 'uri' })
  assert.ok(!('generate' in model))
  assert.deepEqual(
    model.signature.inputs.map(({ name, dtype, shape, optional }) => [name, dtype, shape, optional]),
    [
      ['image', 'uint8', [-1], undefined],
      ['steps', 'int64', [1], true],
      ['style', 'string', [1], true],
      ['words', 'string', [-1], true],
    ],
  )
  const inputs: Tensor[] = [
    { name: 'image', dtype: 'uint8', shape: [2], data: new Uint8Array([1, 2]) },
    { name: 'steps', dtype: 'int64', shape: [1], data: encodeValues('int64', [4]) },
    { name: 'words', dtype: 'string', shape: [2], data: encodeStrings(['a', 'b']) },
  ]
  const answer = await model.infer?.({ inputs }, ctx)
  assert.deepEqual(decodeStrings(answer?.outputs[0]?.data ?? new Uint8Array(0)), ['https://replicate.delivery/x.png'])
  const input = { image: 'data:application/octet-stream;base64,AQI=', steps: 4, words: ['a', 'b'] }
  assert.deepEqual(server.requests[0]?.json, { version, input })
})

test('a prediction that fails is an error, and one that nobody waits for is cancelled there', async () => {
  await using failing = await predictions({ status: 'failed', error: 'out of memory' })
  await using model = await load(failing.origin, text, words)
  await assert.rejects(said(model, say('x')), { code: 'engine/failed', message: /out of memory/ })
  await using endless = await predictions({ status: 'processing' })
  await using other = await load(endless.origin, text, words)
  const controller = new AbortController()
  const answer = said(other, say('x'), controller.signal)
  await until(() => endless.requests.length > 2, 'it is being asked')
  controller.abort()
  await assert.rejects(answer)
  assert.equal(endless.requests.at(-1)?.path, `/predictions/${ID}/cancel`)
})
