import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Source } from '@soma/spec'
import { type KaggleOptions, type KaggleVariation, answers, createFaultyServer, kaggleModels, redirectsTo } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { createKaggleSource, createTfhubSource } from './index.ts'
import { parseKaggleReference } from './reference.ts'
import { parseTfhubPath } from './tfhub.ts'

const signal = new AbortController().signal
const weights = Buffer.from('the weights of a very small model')
const files = { 'saved_model.pb': weights, 'variables/variables.index': Buffer.from('index of the variables') }
const variations: Record<string, KaggleVariation> = {
  'google/bert/tensorFlow2/base': { versions: [{ 'saved_model.pb': Buffer.from('old') }, files] },
  'google/bert/tensorFlow2/large': { versions: [files], licence: 'MIT' },
  'google/gemma/keras/gemma-2b': { versions: [files], consent: 'User has not consented to the model’s terms: please accept the license' },
  'google/private/keras/default': { versions: [files], consent: 'Permission denied' },
}
const key = 'hush-hush'
const basic = `Basic ${btoa(`me:${key}`)}`

async function place(): Promise<SourceFixture> {
  const server = await createFaultyServer(kaggleModels(variations, { authorization: basic }))
  const nothing = { status: 404, body: '{"code":404,"message":"Not found"}' }
  const version = '/api/v1/models/google/bert/tensorFlow2/base/2'
  const gone = ['files', 'download', ...Object.keys(files).map((path) => `download/${path}`)]
  return {
    good: 'google/bert/tensorFlow2/base@2',
    missing: 'google/bert/tensorFlow2/tiny',
    malformed: [
      'google',
      'google/bert',
      'google/bert/tensorFlow2',
      'google/bert/tensorFlow2/base@x',
      'google/bert/tensorFlow2/base@0',
      'a/b/c/d/e/f',
      '../a/b/c',
      'a/b/c/d@1@2',
      'a b/c/d/e',
      'https://example.org/x',
    ],
    bytes: (path) => files[path as keyof typeof files],
    change: () => server.serve(Object.fromEntries(gone.map((path) => [`${version}/${path}`, nothing]))),
    env: { KAGGLE_API_ENDPOINT: server.origin, KAGGLE_USERNAME: 'me', KAGGLE_KEY: key },
    server,
    secrets: [key, basic.slice(6)],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

sourceCompliance({ name: 'kaggle', create: createKaggleSource, remote: true, arrange: place })

async function opened(t: TestContext, options: KaggleOptions = {}, env: Record<string, string> = {}) {
  const server = await createFaultyServer(kaggleModels(variations, options))
  t.after(() => server[Symbol.asyncDispose]())
  const all = { KAGGLE_API_ENDPOINT: server.origin, SOMA_TFHUB_ENDPOINT: `${server.origin}/hub/`, HOME: '/nonexistent', ...env }
  const one = createTestSource(createKaggleSource, all)
  t.after(() => one[Symbol.asyncDispose]())
  const hub = createTestSource(createTfhubSource, all)
  t.after(() => hub[Symbol.asyncDispose]())
  return {
    ...one,
    source: one.source as Required<Source>,
    hub: hub.source,
    server,
    resolve: (name: string) => one.source.resolve(name, { signal }),
  }
}

test('the newest version is taken, with its files, licence and page', async (t) => {
  const { resolve, server } = await opened(t)
  const { artifacts, ...rest } = await resolve('google/bert/tensorFlow2/base')
  assert.deepEqual(rest, {
    reference: 'kaggle/google/bert/tensorFlow2/base@2',
    suggestedName: 'bert-base',
    version: '2',
    licence: 'Apache-2.0',
    description: 'A variation',
    homepage: `${server.origin}/models/google/bert/tensorFlow2/base`,
  })
  assert.deepEqual(
    artifacts.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [
      ['saved_model.pb', weights.byteLength],
      ['variables/variables.index', 22],
    ],
  )
  assert.equal((await resolve('google/bert/tensorFlow2/base@1')).artifacts.length, 1)
  assert.equal((await resolve('google/bert/tensorFlow2/base/1')).version, '1')
  assert.equal((await resolve('google/bert/tensorFlow2/large@latest')).licence, 'MIT')
})

test('the list of files is read page by page, and a variation with very many comes as one archive', async (t) => {
  const { resolve, server } = await opened(t, { pageSize: 1 })
  assert.equal((await resolve('google/bert/tensorFlow2/base')).artifacts.length, 2)
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`f${at}`, weights]))
  server.serve(kaggleModels({ 'google/bert/tensorFlow2/base': { versions: [many] } }))
  const { artifacts } = await resolve('google/bert/tensorFlow2/base')
  assert.deepEqual(artifacts, [{ key: 'kaggle:google/bert/tensorFlow2/base/1/download', path: 'bert-base-1.tar.gz', kind: 'tar.gz' }])
  const pages = server.requests.filter(({ path }) => path.endsWith('/base/1/files'))
  assert.equal(pages.length, 6)
})

test('a variation or version that is not there names those that are', async (t) => {
  const { resolve } = await opened(t)
  await assert.rejects(resolve('google/bert/tensorFlow2/bsae'), /there are: tensorFlow2\/base/)
  await assert.rejects(resolve('google/bert/tensorFlow2/base@9'), /version 9 .*there are: 1 to 2/)
  await assert.rejects(resolve('google/nothing/keras/x'), /check its name/)
})

test('terms to accept are source/gated with the page, every other refusal says what to set', async (t) => {
  const { resolve, source, server } = await opened(t)
  const gated = await resolve('google/gemma/keras/gemma-2b')
  assert.equal(gated.suggestedName, 'gemma-2b')
  const open = (artifact: (typeof gated.artifacts)[number]) => source.download(artifact, { offset: 0, signal })
  await assert.rejects(
    open(gated.artifacts[0]!),
    (thrown) => failsWith('source/gated')(thrown) && /\/models\/google\/gemma\/keras\/gemma-2b/.test(String(thrown)),
  )
  const refused = await resolve('google/private/keras/default')
  await assert.rejects(
    open(refused.artifacts[0]!),
    (thrown) => failsWith('source/unauthorized')(thrown) && /Permission denied; set KAGGLE_USERNAME/.test(String(thrown)),
  )
  server.fail('*', answers(401))
  await assert.rejects(resolve('google/gemma/keras/gemma-2b'), { code: 'source/unauthorized', message: /set KAGGLE_USERNAME/ })
})

test('credentials come from the environment, then from Kaggle’s files, and a file that others can read is warned of', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'soma-source-kaggle-'))
  t.after(() => rm(home, { recursive: true }))
  const works = async (authorization: string, env: Record<string, string>) => {
    const { resolve, logged } = await opened(t, { authorization }, { HOME: home, ...env })
    await resolve('google/bert/tensorFlow2/base')
    return logged.filter(({ level }) => level === 'warn').length
  }
  assert.equal(await works('Bearer KGAT_x', { KAGGLE_API_TOKEN: 'KGAT_x', KAGGLE_USERNAME: 'me', KAGGLE_KEY: key }), 0)
  assert.equal(await works(basic, { KAGGLE_USERNAME: 'me', KAGGLE_KEY: key }), 0)
  await mkdir(join(home, '.kaggle'))
  const path = join(home, '.kaggle/kaggle.json')
  await writeFile(path, JSON.stringify({ username: 'me', key }), { mode: 0o600 })
  assert.equal(await works(basic, {}), 0)
  assert.equal(await works(basic, { KAGGLE_CONFIG_DIR: join(home, '.kaggle') }), 0)
  await chmod(path, 0o644)
  assert.equal(await works(basic, {}), 1)
  await writeFile(join(home, '.kaggle/access_token'), 'KGAT_y\n', { mode: 0o600 })
  assert.equal(await works('Bearer KGAT_y', {}), 0)
  await rm(join(home, '.kaggle/access_token'))
  await writeFile(path, `{"username": "${key}`)
  await assert.rejects(works(basic, {}), (thrown) => failsWith('config/invalid')(thrown) && !String((thrown as Error).stack).includes(key))
})

test('downloads follow the redirect to the store, which gets no credentials, and continue there', async (t) => {
  const { resolve, source, server } = await opened(t, { redirects: true, authorization: basic }, { KAGGLE_USERNAME: 'me', KAGGLE_KEY: key })
  const { artifacts } = await resolve('google/bert/tensorFlow2/base')
  const whole = await source.download(artifacts[0]!, { offset: 0, signal })
  assert.deepEqual(await readAll(whole), new Uint8Array(weights))
  const rest = await source.download(artifacts[0]!, {
    offset: 5,
    signal,
    ...(whole.validator !== undefined && { validator: whole.validator }),
  })
  assert.equal(rest.offset, 5)
  assert.deepEqual(await readAll(rest), new Uint8Array(weights.subarray(5)))
  await using store = await createFaultyServer({ '/blob': { body: weights } })
  server.fail('/api/v1/models/google/bert/tensorFlow2/base/2/download/saved_model.pb', redirectsTo(`${store.origin}/blob`))
  await readAll(await source.download(artifacts[0]!, { offset: 0, signal }))
  assert.equal(store.requests[0]?.headers['authorization'], undefined)
})

test('a search gives each variation as something that installs', async (t) => {
  const { source, resolve } = await opened(t)
  const hits = await source.search('bert', { limit: 10, signal })
  assert.deepEqual(hits[0], {
    reference: 'kaggle/google/bert/tensorFlow2/base@2',
    title: 'google/bert (tensorFlow2 base)',
    description: 'A model',
    sizeBytes: weights.byteLength + 22,
    licence: 'Apache-2.0',
    formats: ['saved-model'],
    updatedAt: Date.parse('2024-01-02T03:04:05Z'),
  })
  for (const { reference } of hits) await resolve(reference.slice('kaggle/'.length))
  assert.equal((await source.search('bert', { limit: 1, signal })).length, 1)
  assert.deepEqual(await source.search('nothing at all', { limit: 5, signal }), [])
})

test('what is not the API’s answer is refused and not retried', async (t) => {
  const { resolve, server } = await opened(t)
  for (const body of ['<html>', '[]', '{"slug":"x"}']) {
    server.serve({ '/api/v1/models/google/bert/tensorFlow2/base/get': { body } })
    await assert.rejects(resolve('google/bert/tensorFlow2/base'), { code: 'source/unavailable', retryable: false }, body)
  }
})

test('an old TensorFlow Hub name leads where tfhub.dev redirects it, and is pinned there', async (t) => {
  const { hub, server, source } = await opened(t)
  const landing = '/models/google/bert/frameworks/tensorFlow2/variations/base/versions/1'
  server.serve({ [landing]: { body: '<html>' }, '/models/google/bert/tensorFlow2/base/2': { body: '<html>' } })
  const at = (path: string, location: string) => {
    server.serve({ [path]: { body: '' } })
    server.fail(path, redirectsTo(`${location}?tfhub-redirect=true`))
  }
  at('/hub/google/bert_base/3', landing)
  at('/hub/google/bert_base/4', '/models/google/bert/tensorFlow2/base/2')
  const old = await hub.resolve('google/bert_base/3', { signal })
  assert.equal(old.reference, 'kaggle/google/bert/tensorFlow2/base@1')
  const { reference, artifacts } = await hub.resolve('https://tfhub.dev/google/bert_base/4?tf-hub-format=compressed', { signal })
  assert.equal(reference, 'kaggle/google/bert/tensorFlow2/base@2')
  assert.deepEqual(await readAll(await hub.download(artifacts[0]!, { offset: 0, signal })), new Uint8Array(weights))
  assert.equal((await source.resolve(reference.slice('kaggle/'.length), { signal })).version, '2')
  server.serve({ '/hub/silero/stt/1': { body: 'no longer here' } })
  await assert.rejects(
    hub.resolve('silero/stt/1', { signal }),
    (thrown) => failsWith('source/not-found')(thrown) && /was not moved there/.test(String(thrown)),
  )
  for (const name of ['', 'google', 'https://example.org/a/b', '../a/b', 'a b/c'])
    await assert.rejects(hub.resolve(name, { signal }), failsWith('source/invalid-reference'), name)
})

test('pasted addresses are read', () => {
  const expected = { owner: 'google', model: 'bert', framework: 'TensorFlow2', variation: 'base', version: 2 }
  assert.deepEqual(
    parseKaggleReference('https://www.kaggle.com/models/google/bert/frameworks/TensorFlow2/variations/base/versions/2'),
    expected,
  )
  assert.deepEqual(parseKaggleReference('https://www.kaggle.com/models/google/bert/TensorFlow2/base/2?tfhub-redirect=true'), expected)
  assert.deepEqual(parseKaggleReference('google/bert/TensorFlow2/base@2'), expected)
  assert.equal(parseTfhubPath('http://tfhub.dev/google/x/4/'), 'google/x/4')
  assert.equal(parseTfhubPath('google/tfjs-model/x/2/default@1'), 'google/tfjs-model/x/2/default/1')
})
