import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defined } from '@soma/core'
import { decodeValues } from '@soma/spec'
import { until } from '@soma/testkit/face'
import { type EndpointAnswer, createModelEndpoint } from '@soma/testkit/server'
import { assertParrot, ctx, loadEndpoint, said, say } from '../../test-answers.ts'
import { openPolicy, startOpenAi } from '../../test-endpoints.ts'

const chunks = (...values: ReadonlyArray<object | string>): EndpointAnswer => ({
  headers: { 'content-type': 'text/event-stream' },
  body: values.map((value) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`).join(''),
})

test('Soma talks to Soma: text, vectors, transcriptions', async () => {
  await using openai = await startOpenAi()
  const { url, dispatcher } = openai
  const policy = openPolicy([new URL(url).origin])
  await using model = await loadEndpoint({ api: 'openai', url, model: 'parrot' }, { policy })
  await assertParrot(model)
  assert.equal((await said(model, { prompt: ' raw prompt' })).text, ' raw prompt')
  await said(model, {
    ...say('x'),
    temperature: 0,
    seed: 3,
    format: { type: 'json-schema', schema: { type: 'object' } },
  })
  const { temperature, seed, format } = (dispatcher.calls.at(-1)?.input ?? {}) as Record<string, unknown>
  assert.deepEqual([temperature, seed, format], [0, 3, { type: 'json-schema', schema: { type: 'object' } }])
  await using embedder = await loadEndpoint({ api: 'openai', url, model: 'parrot', task: 'feature-extraction' }, { policy })
  const vectors = await embedder.embed?.({ input: ['a', 'bc'], normalize: true }, ctx)
  const close = (decodeValues('float32', vectors?.embeddings.data ?? new Uint8Array(0)) as number[]).map((value) => value.toFixed(4))
  assert.deepEqual(
    [vectors?.embeddings.shape, close],
    [
      [2, 2],
      ['0.6000', '0.8000', '0.6000', '0.8000'],
    ],
  )
  await using listener = await loadEndpoint({ api: 'openai', url, model: 'parrot' }, { policy }, 'automatic-speech-recognition')
  const heard = await Array.fromAsync(listener.transcribe?.({ audio: new Uint8Array([1, 2]), translate: false }, ctx) ?? [])
  assert.deepEqual(
    heard.map(({ segment }) => segment),
    [
      { startSeconds: 0, endSeconds: 1, text: ' Good' },
      { startSeconds: 1, endSeconds: 2, text: ' day.' },
    ],
  )
})

test('a prompt goes to /completions as it stands', async () => {
  await using server = await createModelEndpoint({
    'POST /v1/completions': () =>
      chunks(
        { choices: [{ text: 'Hi' }] },
        { choices: [{ text: '', finish_reason: 'length' }], usage: { prompt_tokens: 2, completion_tokens: 1 } },
        '[DONE]',
      ),
  })
  await using model = await loadEndpoint({ api: 'openai', url: `${server.origin}/v1/`, model: 'm' })
  const { text, result } = await said(model, { prompt: 'Say', maxTokens: 1 })
  assert.deepEqual([text, result], ['Hi', { finish: 'length', usage: { promptTokens: 2, cachedTokens: 0, generatedTokens: 1 } }])
  assert.deepEqual([server.requests[0]?.json['prompt'], server.requests[0]?.json['max_tokens']], ['Say', 1])
})

test('documents are ranked in the order they were given', async () => {
  const results = [
    { index: 1, relevance_score: 0.9 },
    { index: 0, relevance_score: 0.1 },
  ]
  await using server = await createModelEndpoint({
    'POST /rerank': () => ({ body: JSON.stringify({ results, usage: { total_tokens: 7 } }) }),
  })
  await using model = await loadEndpoint({ api: 'openai', url: server.origin, model: 'm', task: 'text-ranking' })
  const answer = await model.rerank?.({ query: 'q', documents: ['a', 'b'] }, ctx)
  assert.deepEqual([answer?.scores, answer?.usage.promptTokens], [[0.1, 0.9], 7])
  await assert.rejects(model.rerank?.({ query: 'q', documents: ['a', 'b', 'c'] }, ctx) ?? assert.fail(), { code: 'engine/failed' })
})

test('what an endpoint answers besides good answers is a typed error', async () => {
  await using server = await createModelEndpoint({})
  await using model = await loadEndpoint({ api: 'openai', url: server.origin, model: 'm' })
  const error = (message: string, code?: string, param?: string): string => JSON.stringify({ error: { message, code, param } })
  const cases: ReadonlyArray<readonly [EndpointAnswer, object]> = [
    [
      { status: 429, headers: { 'retry-after': '7' }, body: error('slow down') },
      { code: 'resource/exhausted', retryable: true, details: { status: 429, retryAfterMs: 7000 } },
    ],
    [
      { status: 429, headers: { 'retry-after-ms': '25' }, body: '' },
      { code: 'resource/exhausted', details: { status: 429, retryAfterMs: 25 } },
    ],
    [
      { status: 401, body: error('bad key') },
      { code: 'engine/failed', retryable: false, message: /bad key.*remoteKeys/ },
    ],
    [{ status: 400, body: error('too long', 'context_length_exceeded') }, { code: 'model/context-overflow' }],
    [
      { status: 400, body: error('no seed here', 'unsupported_parameter', 'seed') },
      { code: 'model/unsupported', details: { status: 400, option: 'seed' } },
    ],
    [{ status: 404, body: error('no such model') }, { code: 'engine/missing' }],
    [
      { status: 502, body: '<html>' },
      { code: 'engine/failed', retryable: true },
    ],
    [{ status: 503, body: '' }, { code: 'engine/not-ready' }],
    [
      { status: 307, headers: { location: 'http://127.0.0.1:9/' }, body: '' },
      { code: 'model/unsupported', message: /redirect/ },
    ],
    [chunks('not json'), { code: 'engine/failed', message: /not JSON/ }],
    [chunks({ choices: 5 }), { code: 'engine/failed', message: /choices/ }],
    [chunks({ choices: [{ delta: { content: 'half' } }] }), { code: 'engine/failed', message: /broke off/, retryable: true }],
    [chunks({ error: { message: 'out of memory' } }), { code: 'engine/failed', message: /out of memory/ }],
  ]
  for (const [answer, expected] of cases) {
    server.override('POST /chat/completions', answer)
    await assert.rejects(said(model, say('x')), expected, JSON.stringify(answer))
  }
})

test('a connection that breaks in the middle, and a server that is not there, are typed errors', async () => {
  await using server = await createModelEndpoint({})
  await using model = await loadEndpoint({ api: 'openai', url: server.origin, model: 'm' })
  const cut = Promise.withResolvers<void>()
  server.override('POST /chat/completions', {
    body: (async function* () {
      yield 'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'
      await cut.promise
      throw new Error('the cable is cut')
    })(),
  })
  const events = defined(model.generate?.(say('x'), ctx), 'the model generates')
  assert.deepEqual((await events.next()).value, { text: 'half' })
  cut.resolve()
  await assert.rejects(events.next(), { code: 'engine/failed', message: /broke off/, retryable: true })
  const gone = await createModelEndpoint({})
  await gone[Symbol.asyncDispose]()
  await using nobody = await loadEndpoint({ api: 'openai', url: gone.origin, model: 'm' })
  await assert.rejects(said(nobody, say('x')), { code: 'engine/not-ready', message: /ECONNREFUSED.*is the server running/ })
})

test('cancelling ends the request at the endpoint', async () => {
  await using server = await createModelEndpoint({})
  await using model = await loadEndpoint({ api: 'openai', url: server.origin, model: 'm' })
  const never = Promise.withResolvers<void>()
  server.override('POST /chat/completions', {
    body: (async function* () {
      yield 'data: {"choices":[{"delta":{"content":"one"}}]}\n\n'
      await never.promise
    })(),
  })
  const controller = new AbortController()
  const answer = said(model, say('x'), controller.signal)
  await until(() => server.active === 1, 'the request came')
  controller.abort()
  await assert.rejects(answer, { name: /AbortError|SomaError/ })
  await until(() => server.active === 0, 'the request is over')
  never.resolve()
})
