import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { defined } from '@soma/core'
import { type HubModel, type HubOptions, answers, createFaultyServer, gitOid, huggingFaceHub } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { createHuggingFaceSource } from './index.ts'
import { formatKey, parseKey } from './key.ts'
import { formatHubReference, parseHubReference } from './reference.ts'

const signal = new AbortController().signal
const token = 'hf_hush-hush'
const authorization = `Bearer ${token}`
const first = 'a'.repeat(40)
const second = 'b'.repeat(40)
const weights = (text: string): Buffer => Buffer.from(`${text} `.repeat(20))
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

const files = {
  '.gitattributes': '*.safetensors filter=lfs',
  'README.md': '# Tiny',
  'config.json': '{"model_type":"bert"}',
  'tokenizer.json': '{"version":"1.0"}',
  'model.safetensors': weights('safetensors'),
  'pytorch_model.bin': weights('pickled'),
  'tf_model.h5': weights('tensorflow'),
  'onnx/model.onnx': weights('onnx'),
  'onnx/model_quantized.onnx': weights('int8').subarray(0, 30),
  'onnx/config.json': '{"for":"onnx"}',
}
const bert: HubModel = {
  commits: { [first]: files, [second]: { ...files, 'config.json': '{"model_type":"bert","v":2}' } },
  branches: { main: second, dev: first },
  tags: { 'v1.0': first },
  formerNames: ['tiny-bert'],
  info: {
    pipeline_tag: 'fill-mask',
    cardData: { license: 'apache-2.0', description: 'A tiny model' },
    tags: ['safetensors', 'onnx', 'pytorch', 'license:apache-2.0'],
    safetensors: { parameters: { F32: 100, BF16: 10 }, total: 110 },
  },
}
const ggufFiles = {
  'tiny-Q2_K.gguf': weights('q2').subarray(0, 20),
  'tiny-Q4_K_M.gguf': weights('q4').subarray(0, 40),
  'tiny-Q8_0-00001-of-00002.gguf': weights('q8'),
  'tiny-Q8_0-00002-of-00002.gguf': weights('q8 again'),
  'mmproj-F16.gguf': weights('eyes'),
  'mmproj-F32.gguf': weights('the same eyes'),
  'config.json': '{}',
}
const models: Record<string, HubModel> = {
  'maker/tiny-bert': bert,
  'maker/tiny-gguf': { commits: { [first]: ggufFiles }, branches: { main: first }, info: { tags: ['gguf'] } },
  'maker/gated': { commits: { [first]: files }, branches: { main: first }, gated: true },
  'maker/private': { commits: { [first]: files }, branches: { main: first }, private: true },
  'maker/disabled': { commits: { [first]: files }, branches: { main: first }, info: { disabled: true } },
}

async function hub(t: TestContext, options: HubOptions = {}, env: Record<string, string> = {}, served = models) {
  const server = await createFaultyServer({ '*': huggingFaceHub(served, { members: [authorization], ...options }) })
  t.after(() => server[Symbol.asyncDispose]())
  const one = createTestSource(createHuggingFaceSource, { HF_ENDPOINT: server.origin, ...env })
  t.after(() => one[Symbol.asyncDispose]())
  const resolve = (name: string) => one.source.resolve(name, { signal })
  return { ...one, server, resolve, paths: async (name: string) => (await resolve(name)).artifacts.map(({ path }) => path).sort() }
}

async function place(): Promise<SourceFixture> {
  const served = { 'maker/secret': { ...bert, private: true } }
  const server = await createFaultyServer({ '*': huggingFaceHub(served, { members: [authorization], pageSize: 3 }) })
  const moved = { 'maker/secret': { ...bert, private: true, commits: { [first]: files }, branches: { main: first } } }
  return {
    server,
    good: 'maker/secret',
    missing: 'maker/none',
    malformed: [
      'a/b/c',
      '/x',
      'x/',
      'a b',
      '../etc',
      'a/b@',
      'a/b@..',
      'a/b:',
      'a/b@x y',
      'a--b/c',
      'https://example.org',
      'x'.repeat(600),
    ],
    bytes: (path) => Buffer.from(defined(bert.commits[second]?.[path], path) as string),
    change: () => server.serve({ '*': huggingFaceHub(moved, { members: [authorization] }) }),
    env: { HF_ENDPOINT: server.origin, HF_TOKEN: token },
    secrets: [token],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

sourceCompliance({ name: 'Hugging Face', create: createHuggingFaceSource, remote: true, arrange: place })

test('a model is pinned to its commit, under its present name, with what the hub says of it', async (t) => {
  const { server, resolve } = await hub(t)
  const resolution = await resolve('tiny-bert@latest')
  assert.equal(resolution.reference, `hf/maker/tiny-bert@${second}:safetensors`)
  assert.equal(resolution.version, second)
  assert.equal(resolution.suggestedName, 'tiny-bert')
  assert.equal(resolution.licence, 'Apache-2.0')
  assert.equal(resolution.description, 'A tiny model')
  assert.equal(resolution.task, 'fill-mask')
  assert.equal(resolution.homepage, `${server.origin}/maker/tiny-bert`)
})

test('branches, tags and commits are revisions', async (t) => {
  const { resolve } = await hub(t)
  for (const revision of ['dev', 'v1.0', first]) assert.equal((await resolve(`maker/tiny-bert@${revision}`)).version, first)
})

test('only the files that are needed come: the weights once, and what goes with them', async (t) => {
  const { paths, resolve } = await hub(t)
  assert.deepEqual(await paths('maker/tiny-bert'), ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json'])
  const { choice } = await resolve('maker/tiny-bert')
  assert.equal(choice?.chosen, 'safetensors')
  assert.deepEqual(
    choice.options.map(({ name }) => name),
    ['safetensors', 'onnx-quantized', 'onnx-full', 'pytorch', 'keras'],
  )
})

test('a file, a glob, a format or a variant in the reference is taken instead', async (t) => {
  const { paths } = await hub(t)
  const shared = ['README.md', 'config.json', 'tokenizer.json']
  assert.deepEqual(await paths('maker/tiny-bert:onnx/model.onnx'), [
    'README.md',
    'config.json',
    'onnx/config.json',
    'onnx/model.onnx',
    'tokenizer.json',
  ])
  assert.deepEqual(await paths('maker/tiny-bert:*.bin'), [...shared.slice(0, 2), 'pytorch_model.bin', 'tokenizer.json'])
  assert.deepEqual(await paths('maker/tiny-bert:onnx-quantized'), [
    'README.md',
    'config.json',
    'onnx/config.json',
    'onnx/model_quantized.onnx',
    'tokenizer.json',
  ])
  assert.deepEqual(await paths('maker/tiny-bert:config.json'), ['config.json'])
})

test('a GGUF quantisation is chosen by memory, with its projector, and the reference can name another', async (t) => {
  const { resolve, paths } = await hub(t)
  const { reference, choice } = await resolve('maker/tiny-gguf')
  assert.equal(reference, `hf/maker/tiny-gguf@${first}:Q4_K_M`)
  assert.match(choice?.reason ?? '', /best balance.*12\.0 GB, 70 %/)
  assert.deepEqual(await paths('maker/tiny-gguf'), ['config.json', 'mmproj-F16.gguf', 'tiny-Q4_K_M.gguf'])
  const eight = ['config.json', 'mmproj-F16.gguf', 'tiny-Q8_0-00001-of-00002.gguf', 'tiny-Q8_0-00002-of-00002.gguf']
  assert.deepEqual(await paths('maker/tiny-gguf:q8_0'), eight)
  assert.deepEqual(await paths('maker/tiny-gguf:tiny-Q8_0-00001-of-00002.gguf'), eight)
  await assert.rejects(resolve('maker/tiny-gguf:Q4_K_S'), /has no file, variant or format "Q4_K_S"; did you mean Q4_K_M/)
})

test('LFS files have their sha256, and the others are checked by git’s hash on the way', async (t) => {
  const { source, resolve, server } = await hub(t)
  const { artifacts } = await resolve('maker/tiny-bert')
  assert.deepEqual(artifacts[0]?.integrity, { algorithm: 'sha256', digest: sha256(files['model.safetensors']) })
  const config = defined(
    artifacts.find(({ path }) => path === 'config.json'),
    'a config',
  )
  assert.equal(config.integrity, undefined)
  assert.deepEqual(
    await readAll(await source.download(config, { offset: 5, signal })),
    new Uint8Array(Buffer.from('{"model_type":"bert","v":2}')),
  )
  server.serve({ [`/maker/tiny-bert/resolve/${second}/config.json`]: { body: '{"model_type":"evil","v":2}' } })
  const altered = await source.download(config, { offset: 0, signal })
  await assert.rejects(readAll(altered), failsWith('package/hash-mismatch'))
})

test('large files come from another host by redirect, which sees no token', async (t) => {
  const cdn = await createFaultyServer({ [`/${sha256(files['model.safetensors'])}`]: { body: files['model.safetensors'] } })
  t.after(() => cdn[Symbol.asyncDispose]())
  const { source, resolve, server } = await hub(t, { cdn: cdn.origin }, { HF_TOKEN: token })
  const artifact = defined((await resolve('maker/tiny-bert')).artifacts[0], 'weights')
  const rest = await source.download(artifact, { offset: 10, signal })
  assert.equal(rest.offset, 10)
  assert.deepEqual(await readAll(rest), new Uint8Array(files['model.safetensors'].subarray(10)))
  assert.ok(server.requests.every(({ headers }) => headers['authorization'] === authorization))
  assert.equal(cdn.requests[0]?.headers['authorization'], undefined)
  assert.equal(cdn.requests[0]?.headers['range'], 'bytes=10-')
})

test('a gated model names the page of its terms, with and without token, and comes to who accepted them', async (t) => {
  const { resolve, server } = await hub(t)
  const page = new RegExp(`accept its terms at ${server.origin}/maker/gated and set HF_TOKEN`)
  await assert.rejects(resolve('maker/gated'), { code: 'source/gated', message: page })
  const other = await hub(t, {}, { HF_TOKEN: 'hf_somebody' })
  await assert.rejects(other.resolve('maker/gated'), { code: 'source/gated', message: /with the account of your token/ })
  const member = await hub(t, {}, { HF_TOKEN: token })
  assert.equal((await member.resolve('maker/gated')).version, first)
})

test('what is not there is source/not-found with what is near', async (t) => {
  const { resolve } = await hub(t)
  await assert.rejects(resolve('other/tiny-bert'), { code: 'source/not-found', message: /did you mean hf\/maker\/tiny-bert\?/ })
  await assert.rejects(resolve('maker/tiny-brt'), { code: 'source/not-found', message: /did you mean hf\/maker\/tiny-bert[,?]/ })
  await assert.rejects(resolve('maker/private'), { code: 'source/not-found', message: /if it is private, set HF_TOKEN/ })
  await assert.rejects(resolve('maker/tiny-bert@v1.1'), {
    code: 'source/not-found',
    message: /no revision v1\.1; there are v1\.0, main, dev/,
  })
  await assert.rejects(resolve('maker/tiny-bert:modl.safetensors'), {
    code: 'source/not-found',
    message: /did you mean model\.safetensors/,
  })
})

test('a disabled model is source/revoked, whether its description or its refusal says so', async (t) => {
  const { resolve, server } = await hub(t)
  await assert.rejects(resolve('maker/disabled'), failsWith('source/revoked'))
  server.fail('*', answers(403, { 'x-error-message': 'Access to this resource is disabled.' }))
  await assert.rejects(resolve('maker/tiny-bert'), failsWith('source/revoked'))
})

test('the token is found in the environment, and in the files of Hugging Face’s tools', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'soma-hf-'))
  t.after(() => rm(home, { recursive: true }))
  await mkdir(join(home, '.cache/huggingface'), { recursive: true })
  await writeFile(join(home, '.cache/huggingface/token'), `${token}\n`)
  await writeFile(join(home, 'token'), token)
  for (const env of [
    { HF_TOKEN: token },
    { HUGGING_FACE_HUB_TOKEN: token },
    { HF_TOKEN_PATH: join(home, 'token') },
    { HF_HOME: home },
    { HOME: home },
    { XDG_CACHE_HOME: join(home, '.cache') },
  ]) {
    const { resolve } = await hub(t, {}, env)
    assert.equal((await resolve('maker/private')).version, first, JSON.stringify(Object.keys(env)))
  }
  const { resolve } = await hub(t, {}, { HF_TOKEN: 'hf_\u0007' })
  await assert.rejects(resolve('maker/private'), failsWith('config/invalid'))
})

/** A cache as Hugging Face's tools leave it, with blobs named by their hash. */
async function cacheOf(
  t: TestContext,
  repository: string,
  commit: string,
  held: Readonly<Record<string, Buffer | string>>,
): Promise<string> {
  const cache = await mkdtemp(join(tmpdir(), 'soma-hf-cache-'))
  t.after(() => rm(cache, { recursive: true }))
  const folder = join(cache, `models--${repository.replace('/', '--')}`)
  for (const part of ['refs', 'blobs', `snapshots/${commit}`]) await mkdir(join(folder, part), { recursive: true })
  await writeFile(join(folder, 'refs/main'), commit)
  for (const [path, bytes] of Object.entries(held)) {
    const blob = typeof bytes === 'string' ? gitOid(bytes) : sha256(bytes)
    await writeFile(join(folder, 'blobs', blob), bytes)
    await symlink(join('../../blobs', blob), join(folder, 'snapshots', commit, path))
  }
  return cache
}

test('files of an existing cache are taken from there, and only those with the right bytes', async (t) => {
  const held = { 'model.safetensors': files['model.safetensors'], 'tokenizer.json': files['tokenizer.json'] }
  const cache = await cacheOf(t, 'maker/tiny-bert', second, held)
  const readme = join(cache, 'models--maker--tiny-bert/blobs', gitOid(files['README.md']))
  await writeFile(readme, '# Evil')
  const { resolve } = await hub(t, {}, { HF_HUB_CACHE: cache })
  const { artifacts } = await resolve('maker/tiny-bert')
  const local = artifacts.filter(({ localPath }) => localPath !== undefined)
  assert.deepEqual(
    local.map(({ path }) => path),
    ['model.safetensors', 'tokenizer.json'],
  )
  assert.ok(local.every(({ localImmutable }) => localImmutable === true))
})

test('with HF_HUB_OFFLINE a model comes from the cache alone, as it would have come from the hub', async (t) => {
  const held = { 'model.safetensors': files['model.safetensors'], 'config.json': '{"model_type":"bert","v":2}' }
  const cache = await cacheOf(t, 'maker/tiny-bert', second, held)
  const { resolve, server, source } = await hub(t, {}, { HF_HUB_CACHE: cache, HF_HUB_OFFLINE: '1' })
  const { version, artifacts } = await resolve('maker/tiny-bert')
  assert.equal(version, second)
  assert.deepEqual(
    artifacts.map(({ path }) => path),
    ['model.safetensors', 'config.json'],
  )
  assert.deepEqual(server.requests, [])
  const online = await hub(t)
  const keys = new Set((await online.resolve('maker/tiny-bert')).artifacts.map(({ key }) => key))
  assert.ok(artifacts.every(({ key }) => keys.has(key)))
  await assert.rejects(resolve('maker/tiny-gguf'), { code: 'source/offline', message: /not in the cache/ })
  await assert.rejects(resolve('maker/tiny-bert@dev'), failsWith('source/offline'))
  await writeFile(join(cache, 'models--maker--tiny-bert/refs/main'), '../../..')
  await assert.rejects(resolve('maker/tiny-bert'), failsWith('source/offline'))
  await assert.rejects(source.download(defined(artifacts[0], 'weights'), { offset: 0, signal }), failsWith('source/offline'))
  assert.deepEqual(server.requests, [])
})

test('a search tells formats, licence, size and popularity', async (t) => {
  const { source, server } = await hub(t)
  const hits = await source.search?.('tiny', { limit: 10, signal })
  assert.deepEqual(hits?.[0], {
    reference: 'hf/maker/tiny-bert',
    title: 'maker/tiny-bert',
    description: 'A tiny model',
    sizeBytes: 420,
    licence: 'Apache-2.0',
    formats: ['safetensors', 'onnx', 'pytorch'],
    task: 'fill-mask',
    downloads: 10,
    likes: 2,
    updatedAt: Date.parse('2024-02-19T11:06:12.000Z'),
    gated: false,
  })
  assert.equal(hits.length, 2)
  assert.match(server.requests[0]?.query ?? '', /search=tiny/)
})

test('what is no hub is refused and not retried', async (t) => {
  const { server, resolve } = await hub(t)
  for (const body of ['<html>', '{"id":1}', '[]', '{"id":"a/b","sha":"short"}']) {
    server.serve({ '/api/models/maker/tiny-bert/revision/HEAD': { body } })
    await assert.rejects(resolve('maker/tiny-bert'), { code: 'source/unavailable', retryable: false }, body)
  }
})

test('further pages that a mirror links to at the hub are taken from the mirror', async (t) => {
  const { paths } = await hub(t, { pageSize: 2, linked: 'https://huggingface.invalid' })
  assert.deepEqual(await paths('maker/tiny-bert'), ['README.md', 'config.json', 'model.safetensors', 'tokenizer.json'])
})

test('an endless list of files ends with an error', async (t) => {
  const { server, resolve } = await hub(t)
  const path = `/api/models/maker/tiny-bert/tree/${second}`
  server.serve({ [path]: ({ origin }) => ({ body: '[]', headers: { link: `<${origin}${path}?cursor=1>; rel="next"` } }) })
  await assert.rejects(resolve('maker/tiny-bert'), { code: 'source/unavailable', message: /in 128 pages/ })
})

test('an endpoint that is no address is config/invalid', async (t) => {
  const { resolve } = await hub(t, {}, { HF_ENDPOINT: 'hf-mirror' })
  await assert.rejects(resolve('maker/tiny-bert'), failsWith('config/invalid'))
})

test('references and keys are read as they are written', () => {
  assert.deepEqual(parseHubReference('org/name@refs/pr/3:Q8_0'), { repository: 'org/name', revision: 'refs/pr/3', selector: 'Q8_0' })
  assert.deepEqual(parseHubReference('name:a/b.gguf'), { repository: 'name', selector: 'a/b.gguf' })
  const key = { repository: 'org/name', commit: first, path: 'a b/#1.bin', sha256: 'c'.repeat(64) }
  assert.deepEqual(parseKey(formatKey(key)), key)
  assert.throws(() => parseKey('https://example.org'), failsWith('source/invalid-reference'))
})

test('any text is a reference that is written as it was read, or refused', () => {
  const reference = fc.string({ unit: fc.constantFrom(...Array.from('ab1./:@-_*')), maxLength: 40 })
  fc.assert(
    fc.property(fc.oneof(reference, fc.string({ unit: 'binary' })), (text) => {
      try {
        const parsed = parseHubReference(text)
        const written = formatHubReference(parsed)
        assert.deepEqual(parseHubReference(written.slice('hf/'.length)), parsed)
      } catch (thrown) {
        failsWith('source/invalid-reference')(thrown)
      }
    }),
  )
})
