import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError } from '@soma/core'
import { FAKE_TOKEN, behave, settled, until } from '@soma/testkit/face'
import { TestOpenAi, saying } from './test-openai.ts'

const shown = { name: 'tiny', installedAt: 1_700_000_000_999, reference: 'huggingface/ann/tiny@1' }
const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hello' }] })

test('models are listed and retrieved as OpenAI’s are', async () => {
  await using openai = await TestOpenAi.start()
  using _list = behave(openai.dispatcher, 'model.list', () => Promise.resolve({ models: [shown] }))
  using _show = behave(openai.dispatcher, 'model.show', () => Promise.resolve({ model: shown }))
  const model = { id: 'tiny', object: 'model', created: 1_700_000_000, owned_by: 'huggingface' }
  assert.deepEqual((await openai.client.models.list()).data, [model])
  const { _request_id: _, ...retrieved } = await openai.client.models.retrieve('tiny')
  assert.deepEqual(retrieved, model)
  assert.deepEqual(openai.input, { model: 'tiny' })
})

test('our own GET /v1/models stays ours', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.list', () => Promise.resolve({ models: [] }))
  const answer = await fetch(`${openai.url}/v1/models`, { headers: { authorization: `Bearer ${FAKE_TOKEN}` } })
  assert.deepEqual(await answer.json(), { models: [] })
})

test('a model that is not there, or could not be, is model_not_found', async () => {
  await using openai = await TestOpenAi.start()
  using _ = behave(openai.dispatcher, 'model.show', () => Promise.reject(new SomaError('model/not-found', 'there is no model "gone"')))
  const expected = { status: 404, type: 'invalid_request_error', code: 'model_not_found', param: 'model' }
  await assert.rejects(openai.client.models.retrieve('gone'), expected)
  await assert.rejects(openai.client.chat.completions.create({ model: 'GPT 4', messages: [{ role: 'user', content: 'x' }] }), expected)
})

test('the key is a Soma token', async () => {
  await using openai = await TestOpenAi.start()
  await assert.rejects(openai.as('sk-none').models.list(), { status: 401, type: 'authentication_error', code: 'invalid_api_key' })
})

test('the client is told when to try again, and does', async () => {
  await using openai = await TestOpenAi.start()
  let asked = 0
  using _ = behave(openai.dispatcher, 'model.generate', (_input, ctx) => {
    if (asked++ > 0) return saying([{ text: 'now' }])()
    void ctx
    return (async function* () {
      yield* []
      throw new SomaError('resource/exhausted', 'the queue is full', { details: { retryAfterMs: 1 } })
    })()
  })
  const answer = await openai.post('/openai/v1/chat/completions', body)
  assert.equal(answer.status, 503)
  assert.deepEqual(
    ['retry-after-ms', 'retry-after', 'x-should-retry'].map((name) => answer.headers.get(name)),
    ['1', '1', 'true'],
  )
  asked = 0
  const retried = await openai.as(FAKE_TOKEN, 1).chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content: 'x' }] })
  assert.deepEqual([retried.choices[0]?.message.content, asked], ['now', 2])
})

test('everything below /openai/ fails in OpenAI’s words', async () => {
  await using openai = await TestOpenAi.start(2000)
  const cases: ReadonlyArray<readonly [Promise<Response>, number]> = [
    [openai.post('/openai/v1/chat/completions', '{"model":'), 400],
    [openai.post('/openai/v1/chat/completions', body, 'text/plain'), 400],
    [openai.post('/openai/v1/chat/completions', '[]'), 400],
    [openai.post('/openai/v1/chat/completions', JSON.stringify({ model: 'x'.repeat(3000) })), 413],
    [openai.post('/openai/v1/nothing', '{}'), 404],
    [openai.post('/openai/v1/models', '{}'), 405],
    [openai.post('/v1/embeddings', '{"model":1}'), 400],
    [fetch(`${openai.url}/openai/v1/models`, { headers: { origin: 'http://evil.example' } }), 403],
  ]
  for (const [asked, status] of cases) {
    const answer = await asked
    const { error } = (await answer.json()) as { error: { message: string; type: string } }
    assert.deepEqual([answer.status, typeof error.message], [status, 'string'])
    assert.match(answer.headers.get('x-request-id') ?? '', /^call_/)
  }
})

test('a reader that stops reading stops the call', async () => {
  await using openai = await TestOpenAi.start()
  let sent = 0
  const text = 'x'.repeat(64 * 1024)
  using _ = behave(openai.dispatcher, 'model.generate', async function* () {
    for (; sent < 1000; sent++) yield { text }
    return {}
  })
  const stream = await openai.client.chat.completions.create({
    model: 'tiny',
    messages: [{ role: 'user', content: 'x' }],
    stream: true,
  })
  const reader = stream[Symbol.asyncIterator]()
  await reader.next()
  assert.ok((await settled(() => sent)) < 600)
  await reader.return?.()
  await until(() => openai.dispatcher.active === 0, 'the call ends')
})
