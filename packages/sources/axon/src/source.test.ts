import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Source } from '@soma/spec'
import { type AxonRegistryOptions, axonRegistry, createFaultyServer, tarGzOf } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { createAxonSource } from './index.ts'

const signal = new AbortController().signal
const archive = tarGzOf({ 'manifest.yaml': 'kind: Model', 'model.onnx': 'the weights of a very small model' })
const models = {
  'nlp/tiny': { '1.0.0': { archive: tarGzOf({ a: 'old' }) }, '1.9.0': { archive }, '1.10.0': { archive, licence: 'apache-2.0' } },
  'nlp/Maker/other-tiny': { '2.0.0': { archive } },
  'vision/unhashed': { '1.0.0': { archive, hashed: false } },
}
const token = 'hush-hush'

async function place(): Promise<SourceFixture> {
  const server = await createFaultyServer(axonRegistry(models, { token }))
  const other = { 'nlp/tiny': { '1.10.0': { archive: tarGzOf({ 'model.onnx': 'other weights' }) } } }
  return {
    good: 'nlp/tiny@1.10.0',
    missing: 'nlp/tiny@7.0.0',
    malformed: ['tiny', 'nlp/', '/tiny', 'nlp/tiny@', 'nlp/../etc', 'nlp/tiny@1@2', 'nlp/ti ny', 'nlp/tiny#sha256=abc'],
    bytes: () => archive,
    change: () => server.serve(axonRegistry(other, { token })),
    env: { SOMA_AXON_REGISTRY: server.origin, AXON_TOKEN: token },
    server,
    secrets: [token],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

sourceCompliance({ name: 'axon', create: createAxonSource, remote: true, arrange: place })

async function opened(t: TestContext, options: AxonRegistryOptions = {}, env: Record<string, string> = {}) {
  const server = await createFaultyServer(axonRegistry(models, options))
  t.after(() => server[Symbol.asyncDispose]())
  const one = createTestSource(createAxonSource, { AXON_REGISTRY: server.origin, ...env })
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, server, resolve: (name: string) => one.source.resolve(name, { signal }) }
}

test('a version is its archive, with the size, hash, licence and description of its manifest', async (t) => {
  const { resolve } = await opened(t)
  const { artifacts, ...rest } = await resolve('nlp/tiny@1.10.0')
  const [artifact] = artifacts
  assert.deepEqual(rest, {
    reference: `axon/nlp/tiny@1.10.0#sha256=${artifact?.integrity?.digest}`,
    suggestedName: 'tiny',
    version: '1.10.0',
    licence: 'Apache-2.0',
    description: 'A model',
  })
  assert.equal(artifact?.kind, 'tar.gz')
  assert.equal(artifact.path, 'nlp-tiny-1.10.0.axon')
  assert.equal(artifact.sizeBytes, archive.byteLength)
  assert.equal((await resolve('nlp/Maker/other-tiny@2.0.0')).suggestedName, 'other-tiny')
})

test('without a version the registry’s latest is taken, or the newest that a search names', async (t) => {
  for (const latest of [true, false]) {
    const { resolve } = await opened(t, { latest })
    assert.equal((await resolve('nlp/tiny')).version, '1.10.0')
    assert.equal((await resolve('nlp/tiny@latest')).version, '1.10.0')
  }
})

test('a version that is not there names those that are', async (t) => {
  const { resolve } = await opened(t)
  await assert.rejects(resolve('nlp/tiny@3.0.0'), /no nlp\/tiny@3\.0\.0; there are: 1\.0\.0, 1\.9\.0, 1\.10\.0/)
  await assert.rejects(resolve('nlp/none'), /no nlp\/none@latest; search it/)
})

test('an archive without a hash is installed with a warning, and never continued without a validator', async (t) => {
  const { resolve, source } = await opened(t)
  const { warnings, artifacts, reference } = await resolve('vision/unhashed')
  assert.match(warnings?.[0] ?? '', /no hash/)
  assert.equal(reference, 'axon/vision/unhashed@1.0.0')
  assert.equal(artifacts[0]?.sizeBytes, undefined)
  assert.equal((await source.download(artifacts[0]!, { offset: 5, signal })).offset, 0)
})

test('a version whose archive was replaced does not answer to its pin', async (t) => {
  const { resolve, server } = await opened(t)
  const { reference } = await resolve('nlp/tiny@1.9.0')
  server.serve(axonRegistry({ 'nlp/tiny': { '1.9.0': { archive: tarGzOf({ a: 'replaced' }) } } }))
  await assert.rejects(resolve(reference.slice('axon/'.length)), /has changed at its registry/)
})

test('the registry and its token come from the environment, else from Axon’s own configuration', async (t) => {
  const server = await createFaultyServer(axonRegistry(models, { token }))
  t.after(() => server[Symbol.asyncDispose]())
  const home = await mkdtemp(join(tmpdir(), 'soma-source-axon-'))
  t.after(() => rm(home, { recursive: true }))
  await mkdir(join(home, '.axon'))
  const config = (text: string) => writeFile(join(home, '.axon/config.yaml'), text)
  const resolve = async (env: Record<string, string> = {}) => {
    await using one = createTestSource(createAxonSource, { HOME: home, ...env })
    return (await one.source.resolve('nlp/tiny@1.9.0', { signal })).version
  }
  await assert.rejects(resolve(), (thrown) => failsWith('source/not-configured')(thrown) && /SOMA_AXON_REGISTRY/.test(String(thrown)))
  await config(`registry:\n    url: ${server.origin}\n    token: ${token}\n    mirrors: []\n`)
  assert.equal(await resolve(), '1.9.0')
  assert.equal(await resolve({ AXON_REGISTRY: server.origin, AXON_TOKEN: token }), '1.9.0')
  // The file's token is the file's registry's.
  await assert.rejects(resolve({ AXON_REGISTRY: server.origin }), { code: 'source/unauthorized', message: /set AXON_TOKEN/ })
  await assert.rejects(resolve({ AXON_REGISTRY: server.origin, AXON_TOKEN: 'other' }), { message: /the token that is set may not read it/ })
  await config('registry:\n    url: ftp://x\n')
  await assert.rejects(resolve(), failsWith('config/invalid'))
  await config(`registry: [${token}`)
  await assert.rejects(resolve(), (thrown) => failsWith('config/invalid')(thrown) && !String((thrown as Error).stack).includes(token))
})

test('the token goes to the registry and to no other host that archives lie on', async (t) => {
  const { resolve, source, server } = await opened(t, { token }, { AXON_TOKEN: token })
  await using cdn = await createFaultyServer({ '/x.axon': { body: archive } })
  const manifest = `kind: Model\nmetadata: { name: x, version: 1 }\ndistribution: { package: { url: "${cdn.origin}/x.axon" } }`
  server.serve({ '/api/v1/models/nlp/x/1/manifest.yaml': { body: manifest } })
  const { artifacts } = await resolve('nlp/x@1')
  assert.deepEqual(await readAll(await source.download(artifacts[0]!, { offset: 0, signal })), new Uint8Array(archive))
  assert.equal(cdn.requests[0]?.headers['authorization'], undefined)
  assert.equal(server.requests.at(-1)?.headers['authorization'], `Bearer ${token}`)
})

test('what is no manifest with an archive is refused and not retried', async (t) => {
  const { resolve, server } = await opened(t)
  const named = 'kind: Model\nmetadata: { name: x, version: 1 }\n'
  const bombs = ['a: &a [x]\nb: *a', '['.repeat(50_000)]
  for (const body of ['<html>', 'kind: Pod', named, `${named}distribution: { package: { url: "file:///etc/passwd" } }`, ...bombs]) {
    server.serve({ '/api/v1/models/nlp/x/1/manifest.yaml': { body } })
    await assert.rejects(resolve('nlp/x@1'), { code: 'source/unavailable', retryable: false }, body.slice(0, 80))
  }
})

test('a search gives references that install, whatever list the registry wraps them in', async (t) => {
  const { source, server, resolve } = await opened(t)
  const search = (query: string, limit = 10) => (source as Required<Source>).search(query, { limit, signal })
  const hits = await search('tiny')
  assert.deepEqual(hits.map(({ reference }) => reference).sort(), [
    'axon/nlp/Maker/other-tiny@2.0.0',
    'axon/nlp/tiny@1.0.0',
    'axon/nlp/tiny@1.10.0',
    'axon/nlp/tiny@1.9.0',
  ])
  for (const { reference } of hits) await resolve(reference.slice('axon/'.length))
  assert.equal((await search('tiny', 1)).length, 1)
  assert.deepEqual(await search('nothing & more'), [])
  const one = { namespace: 'n', name: 'm', latest_version: '3', downloads: 5, stars: 2, license: 'mit' }
  for (const answer of [{ models: [one] }, { results: [one] }, [one]]) {
    server.serve({ '/api/v1/search': { body: JSON.stringify(answer) } })
    assert.deepEqual(await search('m'), [{ reference: 'axon/n/m@3', title: 'n/m', licence: 'MIT', downloads: 5, likes: 2 }])
  }
  server.serve({ '/api/v1/search': { body: 'null' } })
  assert.deepEqual(await search('m'), [])
  server.serve({ '/api/v1/search': { body: '<html>' } })
  await assert.rejects(search('m'), failsWith('source/unavailable'))
})
