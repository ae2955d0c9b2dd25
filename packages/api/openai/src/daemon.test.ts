import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '@soma/testkit/face'
import { startDaemon } from './test-daemon.ts'

const text = 'one two three four five six'

test('the official client talks to a real daemon: models, an answer, a stream, an abort', async (t) => {
  const { client } = await startDaemon(t, { model: 'echo', files: { 'model.echo': JSON.stringify({ generate: { delayMs: 1 } }) } })
  assert.deepEqual(
    (await client.models.list()).data.map(({ id, owned_by: owner }) => [id, owner]),
    [['echo', 'file']],
  )
  assert.equal((await client.models.retrieve('echo')).id, 'echo')
  await assert.rejects(client.models.retrieve('gone'), { status: 404, code: 'model_not_found' })
  const asked = { model: 'echo', messages: [{ role: 'user' as const, content: text }] }
  const whole = await client.chat.completions.create({ ...asked, max_completion_tokens: 3 })
  assert.deepEqual(
    [whole.choices[0]?.message.content, whole.choices[0]?.finish_reason, whole.usage?.completion_tokens],
    ['one two three', 'length', 3],
  )
  const chunks = await Array.fromAsync(await client.chat.completions.create({ ...asked, stream: true }))
  assert.equal(chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join(''), text)
})

test('leaving a stream frees the model for the next', async (t) => {
  const { client } = await startDaemon(t, { model: 'slow', files: { 'model.echo': JSON.stringify({ generate: { delayMs: 50 } }) } })
  const endless = { model: 'slow', messages: [{ role: 'user' as const, content: 'word '.repeat(10_000) }] }
  let seen = 0
  for await (const _chunk of await client.chat.completions.create({ ...endless, stream: true })) if (++seen === 2) break
  const controller = new AbortController()
  const aborted = client.chat.completions.create(endless, { signal: controller.signal })
  await until(() => seen === 2, 'the stream began')
  controller.abort()
  await assert.rejects(aborted)
  const next = await client.chat.completions.create({ model: 'slow', messages: [{ role: 'user', content: 'done' }] })
  assert.equal(next.choices[0]?.message.content, 'done')
})

test('what an engine cannot do, and what a token may not, is said', async (t) => {
  const { client, address, token } = await startDaemon(t, { model: 'echo', files: { 'model.echo': '{}' } })
  await assert.rejects(client.embeddings.create({ model: 'echo', input: 'a' }), { status: 422, code: 'model/unsupported' })
  const install = await fetch(`${address}/v1/models`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
  assert.equal(install.status, 403)
  const anonymous = await fetch(`${address}/openai/v1/models`)
  assert.equal(anonymous.status, 403)
})

test('a model of another server is refused, naming the setting, unless the user allowed it', async (t) => {
  const endpoint = { api: 'openai', url: 'http://127.0.0.1:1/v1', model: 'm' }
  const { client } = await startDaemon(t, { model: 'far', files: { 'endpoint.json': JSON.stringify(endpoint) } })
  const asked = client.chat.completions.create({ model: 'far', messages: [{ role: 'user', content: 'x' }] })
  await assert.rejects(asked, { status: 422, code: 'model/unsupported', message: /soma config set engines\.remote local/ })
})
