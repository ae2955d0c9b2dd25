import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type ErrorCode, parseJson } from '@soma/core'
import { ManifestSchema, type Source } from '@soma/spec'
import { answers, createFaultyServer, replicateApi, resets } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, sourceCompliance } from '@soma/testkit/source'
import { createReplicateSource } from './index.ts'

const signal = new AbortController().signal
const token = 'r8_hush-hush'
const [first, second] = ['1'.repeat(64), '2'.repeat(64)]
const schemas = {
  Output: { type: 'string', title: 'Output' },
  Input: { type: 'object', title: 'Input', required: ['text'], properties: { text: { type: 'string', 'x-order': 0 } } },
}
const models = {
  'maker/hello': {
    versions: { [first]: { Input: {}, Output: {} }, [second]: schemas },
    licenceUrl: 'https://choosealicense.com/licenses/mit/',
  },
  'maker/empty': { versions: {} },
}

async function place(): Promise<SourceFixture> {
  const server = await createFaultyServer(replicateApi(models, token))
  const gone = { status: 404, body: '{"detail":"not found"}' }
  return {
    good: 'maker/hello',
    missing: 'maker/nothing',
    malformed: ['hello', 'maker/', 'maker/hello@x', `maker/hello@${first}@${first}`, 'maker/../etc', 'ma ker/hello', 'a/b/c'],
    bytes: () => assert.fail('nothing is fetched'),
    change: () => server.serve({ [`/v1/models/maker/hello/versions/${second}`]: gone, '/v1/models/maker/hello': gone }),
    env: { REPLICATE_API_BASE_URL: server.origin, REPLICATE_API_TOKEN: token },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

sourceCompliance({ name: 'replicate', create: createReplicateSource, remote: false, downloads: false, arrange: place })

async function opened(t: TestContext, env: Record<string, string> = { REPLICATE_API_TOKEN: token }) {
  const server = await createFaultyServer(replicateApi(models, token))
  t.after(() => server[Symbol.asyncDispose]())
  const one = createTestSource(createReplicateSource, { REPLICATE_API_BASE_URL: server.origin, ...env })
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, source: one.source as Required<Source>, server, resolve: (name: string) => one.source.resolve(name, { signal }) }
}

test('a model is its manifest and its schemas, marked as one that runs elsewhere', async (t) => {
  const { resolve } = await opened(t)
  const { artifacts, ...rest } = await resolve('maker/hello')
  assert.deepEqual(rest, {
    reference: `replicate/maker/hello@${second}`,
    suggestedName: 'hello',
    version: '2'.repeat(12),
    remote: true,
    licence: 'MIT',
    description: 'A model',
    homepage: 'https://replicate.com/maker/hello',
    warnings: ['it runs on Replicate’s machines: what is sent to it leaves this one, and Replicate charges for it'],
  })
  const [manifest, document] = artifacts.map(({ content }) => parseJson(content ?? assert.fail('it has its content')))
  assert.deepEqual(document, {
    provider: 'replicate',
    model: 'maker/hello',
    version: second,
    createdAt: '2024-01-02T03:04:05.678Z',
    cogVersion: '0.9.0',
    schemas,
  })
  const { spec } = ManifestSchema.parse(manifest)
  assert.deepEqual(spec.engine, {
    id: 'remote',
    settings: { provider: 'replicate', model: 'maker/hello', version: second, schema: 'replicate.json' },
  })
  assert.equal(spec.format.type, 'remote')
  assert.equal(spec.format.files[0]?.sha256, artifacts[1]?.integrity?.digest)
})

test('a version is asked for by its id, in either notation', async (t) => {
  const { resolve } = await opened(t)
  const { reference, artifacts } = await resolve(`maker/hello@${first}`)
  assert.equal(reference, `replicate/maker/hello@${first}`)
  assert.deepEqual(await resolve(`maker/hello:${first}`), await resolve(`maker/hello@${first}`))
  assert.notEqual(artifacts[0]?.key, (await resolve('maker/hello@latest')).artifacts[0]?.key)
  await assert.rejects(resolve(`maker/hello@${'3'.repeat(64)}`), /no version 3+ of maker\/hello/)
  await assert.rejects(resolve('maker/empty'), /no version yet/)
})

test('the bytes do not change when the model’s description, run count or key order does', async (t) => {
  const { resolve, server } = await opened(t)
  const { artifacts } = await resolve('maker/hello')
  const { Output, Input } = schemas
  server.serve(replicateApi({ 'maker/hello': { versions: { [second]: { Input, Output } }, description: 'Another text' } }, token))
  assert.deepEqual((await resolve('maker/hello')).artifacts, artifacts)
})

test('each bad answer is its typed error, and the token is in none of it', async (t) => {
  const { resolve, server, logged } = await opened(t)
  const shown: string[] = []
  const fails = async (code: ErrorCode) =>
    assert.rejects(
      resolve('maker/hello'),
      (thrown) => failsWith(code)(thrown) && shown.push(`${String(thrown)}${(thrown as Error).stack}${JSON.stringify(thrown)}`) > 0,
    )
  const expected: ReadonlyArray<readonly [number, ErrorCode]> = [
    [401, 'source/unauthorized'],
    [404, 'source/not-found'],
    [429, 'source/rate-limited'],
    [500, 'source/unavailable'],
  ]
  for (const [status, code] of expected) {
    server.fail('*', answers(status))
    await fails(code)
    server.heal()
  }
  server.fail('*', resets)
  await fails('source/unavailable')
  server.heal()
  for (const body of ['<html>', '[]', '{"owner":"a","name":"b","latest_version":{"id":"x"}}']) {
    server.serve({ '/v1/models/maker/hello': { body } })
    await fails('source/unavailable')
  }
  assert.ok(shown.length === 8 && ![...shown, JSON.stringify(logged)].join('\n').includes(token))
})

test('without a token, or with a wrong one, it says what to set', async (t) => {
  await assert.rejects((await opened(t, {})).resolve('maker/hello'), { code: 'source/not-configured', message: /set REPLICATE_API_TOKEN/ })
  await assert.rejects((await opened(t, { REPLICATE_API_TOKEN: 'other' })).resolve('maker/hello'), /is not a token that it takes/)
  await assert.rejects((await opened(t, { REPLICATE_API_BASE_URL: 'ftp://x' })).resolve('maker/hello'), failsWith('config/invalid'))
})

test('a search gives references that resolve', async (t) => {
  const { source, resolve } = await opened(t)
  const hits = await source.search('hello', { limit: 10, signal })
  assert.deepEqual(hits, [
    { reference: 'replicate/maker/hello', title: 'maker/hello', description: 'A model', formats: ['remote'], downloads: 5 },
  ])
  await resolve('maker/hello')
  assert.equal((await source.search('maker', { limit: 1, signal })).length, 1)
})

test('there is nothing to download', async (t) => {
  const { source, resolve } = await opened(t)
  const { artifacts } = await resolve('maker/hello')
  await assert.rejects(source.download(artifacts[0]!, { offset: 0, signal }), failsWith('source/not-found'))
})
