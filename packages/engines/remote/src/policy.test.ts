import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEngine } from './engine.ts'
import { type RemotePolicy, checkUrl, readPolicy } from './policy.ts'
import { loadEndpoint, said, say } from './test-answers.ts'
import { createModelEndpoint } from '@soma/testkit/server'

const policy = (mode: RemotePolicy['mode'], more: Partial<RemotePolicy> = {}): RemotePolicy => ({ mode, commands: [], keys: {}, ...more })

test('nothing is allowed unless the user says so', async () => {
  assert.deepEqual(readPolicy(undefined), policy('off'))
  const off = { code: 'model/unsupported', message: /soma config set engines\.remote local/ }
  await assert.rejects(loadEndpoint({ api: 'openai', url: 'http://127.0.0.1:9/v1', model: 'm' }, { policy: policy('off') }), off)
  const support = await createEngine({ policy: policy('off') } as never).probe({} as never)
  assert.deepEqual([support.supported, support.reason.includes('engines.remote')], [false, true])
})

test('local means this machine, whatever a name looks like', () => {
  for (const url of ['http://localhost:1/v1', 'http://127.0.0.1', 'http://127.9.9.9', 'http://[::1]:5', 'http://2130706433/'])
    checkUrl(policy('local'), new URL(url))
  for (const url of [
    'http://localhost.example.org',
    'http://127.0.0.1.example.org',
    'http://10.0.0.1',
    'http://[::2]',
    'https://api.openai.com/v1',
  ])
    assert.throws(() => checkUrl(policy('local'), new URL(url)), { code: 'model/unsupported', message: /engines\.remote any/ })
  checkUrl(policy('any'), new URL('https://api.openai.com/v1'))
  assert.throws(
    () => checkUrl(policy('any'), new URL('https://me:secret@example.org')),
    (error: Error) => !error.message.includes('secret'),
  )
})

test('a key goes to its own origin and nowhere else', async () => {
  await using mine = await createModelEndpoint({})
  await using other = await createModelEndpoint({})
  const keys = { [mine.origin]: { from: 'MY_KEY', key: 'sk-1' } }
  for (const server of [mine, other]) {
    await using model = await loadEndpoint({ api: 'openai', url: server.origin, model: 'm' }, { policy: policy('local', { keys }) })
    server.override('POST /chat/completions', { status: 401, body: '{"error":{"message":"Incorrect API key provided: sk-1"}}' })
    await assert.rejects(said(model, say('x')), (error: Error) => error.message.includes('sk-1') === (server === other))
  }
  assert.deepEqual([mine.requests[0]?.headers.authorization, other.requests[0]?.headers.authorization], ['Bearer sk-1', undefined])
})

test('a key that is not where it should be is missed by its name', async () => {
  const keys = { 'http://127.0.0.1:9': { from: 'MY_KEY' } }
  const loading = loadEndpoint({ api: 'openai', url: 'http://127.0.0.1:9', model: 'm' }, { policy: policy('local', { keys }) })
  await assert.rejects(loading, { code: 'engine/missing', message: /MY_KEY/ })
})
