import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { defined } from '@soma/core'
import { ManifestSchema } from '@soma/spec'
import { type OllamaModel, createFaultyServer, ollamaManifest, ollamaRegistry } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { createOllamaSource } from './index.ts'
import { formatKey, parseKey } from './key.ts'
import { formatOllamaReference, parseOllamaReference } from './reference.ts'

const signal = new AbortController().signal
const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')
const gguf = Buffer.from('GGUF '.repeat(1000))
const apache = '                                 Apache License\n                           Version 2.0, January 2004\n'
const chat: OllamaModel = {
  layers: [
    ['model', gguf],
    ['template', '{{ .System }}{{ .Prompt }}'],
    ['license', apache],
    ['license', 'Acceptable Use Policy'],
    ['params', '{"stop":["<|eot|>"]}'],
    ['system', 'Be kind.'],
  ],
}
const models: Record<string, OllamaModel> = {
  'library/chat:latest': chat,
  'library/chat:1b': { layers: [['model', gguf.subarray(0, 2000)]] },
  'maker/seeing:latest': {
    layers: [
      ['model', gguf],
      ['projector', Buffer.from('eyes '.repeat(9))],
      ['adapter', gguf.subarray(5)],
      ['adapter', gguf.subarray(10)],
      ['messages', '[]'],
    ],
  },
  'library/embedder:latest': { layers: [['model', gguf]], config: { model_family: 'nomic-bert', model_families: ['nomic-bert'] } },
  'library/cloud:latest': { layers: [], config: { remote_host: 'https://ollama.com:443', remote_model: 'big' } },
}

async function registry(t: TestContext, env: Record<string, string> = {}, options = {}) {
  const server = await createFaultyServer(ollamaRegistry(models, options))
  t.after(() => server[Symbol.asyncDispose]())
  const one = createTestSource(createOllamaSource, { SOMA_OLLAMA_REGISTRY: server.origin, ...env })
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, server, resolve: (name: string) => one.source.resolve(name, { signal }) }
}

async function place(): Promise<SourceFixture> {
  const server = await createFaultyServer(ollamaRegistry(models))
  const env = { SOMA_OLLAMA_REGISTRY: server.origin }
  await using one = createTestSource(createOllamaSource, env)
  const { artifacts } = await one.source.resolve('chat', { signal })
  const bytes = new Map<string, Uint8Array>()
  for (const artifact of artifacts)
    bytes.set(artifact.path, artifact.content ?? (await readAll(await one.source.download(artifact, { offset: 0, signal }))))
  await server[Symbol.asyncDispose]()
  const fresh = await createFaultyServer(ollamaRegistry(models))
  const gone = { status: 404, body: 'not found' }
  const change = (): void => {
    const digests = [gguf, ollamaManifest(chat)].map((one) => `/v2/library/chat/blobs/sha256:${sha256(one)}`)
    fresh.serve(Object.fromEntries(digests.map((path) => [path, gone])))
  }
  return {
    server: fresh,
    good: 'chat',
    missing: 'chat:7b',
    malformed: ['a/b/c/d', 'a b', '/x', 'x/', 'x:', 'x:a:b', '../etc', 'x@sha256:12', 'https://example.org/x', 'x'.repeat(600)],
    bytes: (path) => defined(bytes.get(path), path),
    change,
    env: { SOMA_OLLAMA_REGISTRY: fresh.origin },
    [Symbol.asyncDispose]: () => fresh[Symbol.asyncDispose](),
  }
}

sourceCompliance({ name: 'Ollama', create: createOllamaSource, remote: true, arrange: place })

test('a tag is pinned to its manifest, and its layers are files', async (t) => {
  const { resolve } = await registry(t)
  const { reference, version, suggestedName, licence, task, artifacts } = await resolve('chat')
  const digest = sha256(ollamaManifest(chat))
  assert.equal(reference, `ollama/chat:latest@sha256:${digest}`)
  assert.equal(version, digest.slice(0, 12))
  assert.deepEqual([suggestedName, licence, task], ['chat', 'Apache-2.0', 'text-generation'])
  assert.deepEqual(artifacts.map(({ path }) => path).sort(), [
    'LICENSE',
    'LICENSE-2',
    'config.ollama.json',
    'manifest.yaml',
    'model.gguf',
    'params.json',
    'system.txt',
    'template.txt',
  ])
  assert.deepEqual(artifacts[0]?.integrity, { algorithm: 'sha256', digest: sha256(gguf) })
})

test('the package manifest says roles, task and chat template', async (t) => {
  const { resolve } = await registry(t)
  const manifestOf = async (name: string) => {
    const artifact = (await resolve(name)).artifacts.find(({ path }) => path === 'manifest.yaml')
    return ManifestSchema.parse(JSON.parse(new TextDecoder().decode(artifact?.content)))
  }
  const seeing = (await manifestOf('maker/seeing')).spec
  assert.deepEqual(seeing.format.execution_files, {
    model: { path: 'model.gguf' },
    projector: { path: 'projector.gguf' },
    adapter: { path: 'adapter.gguf' },
    adapter_2: { path: 'adapter-2.gguf' },
  })
  assert.deepEqual(seeing['chat'], { dialect: 'go', messages: 'messages.json' })
  const { spec, metadata } = await manifestOf('chat')
  assert.deepEqual(spec['chat'], { dialect: 'go', template: 'template.txt', parameters: 'params.json', system: 'system.txt' })
  assert.equal(metadata.license, 'Apache-2.0')
  assert.deepEqual((await manifestOf('embedder')).spec.tasks, ['feature-extraction'])
})

test('namespace, tag, host and digest are parts of the reference', async (t) => {
  const { resolve, server } = await registry(t)
  assert.equal((await resolve('chat:1b')).suggestedName, 'chat-1b')
  assert.match((await resolve('maker/seeing')).reference, /^ollama\/maker\/seeing:latest@/)
  const { host } = new URL(server.origin)
  assert.match((await resolve(`${host}/library/chat`)).reference, new RegExp(`^ollama/${host}/library/chat:latest@sha256:`))
  for (const text of ['chat:latest', 'maker/seeing:2', `x.org:5000/a/b:c@sha256:${'0'.repeat(64)}`])
    assert.equal(formatOllamaReference(parseOllamaReference(text)), `ollama/${text}`)
  assert.equal(formatOllamaReference(parseOllamaReference('registry.ollama.ai/library/chat')), 'ollama/chat:latest')
})

test('a manifest or a config with other bytes than its digest is refused', async (t) => {
  const { resolve, server } = await registry(t)
  const digest = sha256(ollamaManifest(chat))
  server.serve({ [`/v2/library/chat/blobs/sha256:${digest}`]: { body: ollamaManifest(models['library/chat:1b']!) } })
  await assert.rejects(resolve(`chat@sha256:${digest}`), failsWith('package/hash-mismatch'))
  const { config } = JSON.parse(ollamaManifest(chat)) as { config: { digest: string } }
  server.serve({ [`/v2/library/chat/blobs/${config.digest}`]: { body: '{}' } })
  await assert.rejects(resolve('chat'), failsWith('package/hash-mismatch'))
})

test('registries that keep manifests by digest are understood too', async (t) => {
  const { resolve, server } = await registry(t)
  const digest = `sha256:${sha256(ollamaManifest(chat))}`
  server.serve({
    [`/v2/library/chat/blobs/${digest}`]: { status: 404, body: '' },
    [`/v2/library/chat/manifests/${digest}`]: { body: ollamaManifest(chat) },
  })
  assert.equal((await resolve(`chat@${digest}`)).reference, `ollama/chat:latest@${digest}`)
})

test('layers come from another host by redirect, also from the middle', async (t) => {
  const cdn = await createFaultyServer({ [`/sha256:${sha256(gguf)}`]: { body: gguf } })
  t.after(() => cdn[Symbol.asyncDispose]())
  const { resolve, source } = await registry(t, {}, { cdn: cdn.origin })
  const download = await source.download(defined((await resolve('chat')).artifacts[0], 'the model'), { offset: 40, signal })
  assert.equal(download.offset, 40)
  assert.deepEqual(await readAll(download), new Uint8Array(gguf.subarray(40)))
})

test('layers that an Ollama on this machine has are taken from there', async (t) => {
  const store = await mkdtemp(join(tmpdir(), 'soma-ollama-'))
  t.after(() => rm(store, { recursive: true }))
  await mkdir(join(store, 'blobs'))
  const held = join(store, 'blobs', `sha256-${sha256(gguf)}`)
  await writeFile(held, gguf)
  await writeFile(join(store, 'blobs', `sha256-${sha256(apache)}`), 'cut')
  const { resolve } = await registry(t, { OLLAMA_MODELS: store })
  const local = (await resolve('chat')).artifacts.filter(({ localPath }) => localPath !== undefined)
  assert.deepEqual(
    local.map(({ path, localPath, localImmutable }) => ({ path, localPath, localImmutable })),
    [{ path: 'model.gguf', localPath: held, localImmutable: true }],
  )
})

test('a tag that is not there names those that are, where the registry lists them', async (t) => {
  const { resolve, server } = await registry(t)
  await assert.rejects(resolve('chat:7b'), /ollama\/chat has no tag 7b, or is not there at all; its page/)
  server.serve({ '/v2/library/chat/tags/list': { body: '{"name":"library/chat","tags":["latest","1b"]}' } })
  await assert.rejects(resolve('chat:7b'), { code: 'source/not-found', message: /there are the tags latest, 1b/ })
})

test('what holds no model is said to, and models of the cloud are named so', async (t) => {
  const { resolve, server } = await registry(t)
  await assert.rejects(resolve('cloud'), { code: 'package/no-model', message: /runs only in Ollama’s cloud/ })
  for (const body of ['<html>', '{}', '{"config":{},"layers":[]}']) {
    server.serve({ '/v2/library/chat/manifests/latest': { body } })
    await assert.rejects(resolve('chat'), { code: 'source/unavailable', retryable: false }, body)
  }
})

test('a registry setting that is no address is config/invalid', async (t) => {
  const { resolve } = await registry(t, { SOMA_OLLAMA_REGISTRY: 'registry' })
  await assert.rejects(resolve('chat'), failsWith('config/invalid'))
})

test('keys are read as they are written', () => {
  const key = { host: 'x.org:5000', namespace: 'a', name: 'b', digest: `sha256:${'0'.repeat(64)}` }
  assert.deepEqual(parseKey(formatKey(key)), key)
  assert.throws(() => parseKey('ollama:x'), failsWith('source/invalid-reference'))
})

test('any text is a reference that is written as it was read, or refused', () => {
  const reference = fc.string({ unit: fc.constantFrom(...Array.from('ab1./:@-_')), maxLength: 40 })
  fc.assert(
    fc.property(fc.oneof(reference, fc.string({ unit: 'binary' })), (text) => {
      try {
        const parsed = parseOllamaReference(text)
        const written = formatOllamaReference(parsed)
        assert.deepEqual(parseOllamaReference(written.slice('ollama/'.length)), parsed)
      } catch (thrown) {
        failsWith('source/invalid-reference')(thrown)
      }
    }),
  )
})
