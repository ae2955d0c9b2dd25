import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { defined } from '@soma/core'
import { type ModelScopeModel, answers, createFaultyServer, modelScopeHub } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { commitOf } from './commit.ts'
import { createModelScopeSource } from './index.ts'
import { formatKey, parseKey } from './key.ts'
import { formatModelScopeReference, parseModelScopeReference } from './reference.ts'

const signal = new AbortController().signal
const token = 'ms-hush-hush'
const first = 'a'.repeat(40)
const second = 'b'.repeat(40)
const third = 'c'.repeat(40)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const files = {
  '.gitattributes': '*.gguf filter=lfs',
  'README.md': '# Tiny',
  'configuration.json': '{"framework":"pytorch","task":"text-generation"}',
  'tiny-q4_k_m.gguf': Buffer.from('q4 '.repeat(40)),
  'tiny-q8_0.gguf': Buffer.from('q8 '.repeat(80)),
  'docs/guide.md': 'Read me',
}
const tiny: ModelScopeModel = {
  commits: { [first]: files, [second]: { ...files, 'README.md': '# Tiny, again' } },
  branches: { master: second, dev: first },
  tags: { 'v1.0.0': first },
  info: { License: 'Apache License 2.0', Description: 'A tiny model', Tasks: [{ Name: 'text-generation', ChineseName: '文本生成' }] },
}
const models: Record<string, ModelScopeModel> = {
  'maker/tiny': tiny,
  'maker/private': { ...tiny, member: `Bearer ${token}` },
}

async function hub(t: TestContext, env: Record<string, string> = {}, options = {}) {
  const server = await createFaultyServer({ '*': modelScopeHub(models, options) })
  t.after(() => server[Symbol.asyncDispose]())
  const one = createTestSource(createModelScopeSource, { MODELSCOPE_DOMAIN: server.origin, ...env })
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, server, resolve: (name: string) => one.source.resolve(name, { signal }) }
}

async function place(): Promise<SourceFixture> {
  const server = await createFaultyServer({ '*': modelScopeHub({ 'maker/private': defined(models['maker/private'], 'a model') }) })
  const moved = { 'maker/private': { ...tiny, member: `Bearer ${token}`, commits: { [third]: files }, branches: { master: third } } }
  return {
    server,
    good: 'maker/private',
    missing: 'maker/none',
    malformed: [
      'tiny',
      'a/b/c',
      '/x',
      'x/',
      'a b/c',
      '../etc',
      'a/b@',
      'a/b@..',
      'a/b:',
      'a/b@x y',
      'https://example.org/x',
      'x'.repeat(600),
    ],
    bytes: (path) => Buffer.from(defined(tiny.commits[second]?.[path], path) as string),
    change: () => server.serve({ '*': modelScopeHub(moved) }),
    env: { MODELSCOPE_DOMAIN: server.origin, MODELSCOPE_API_TOKEN: token },
    secrets: [token],
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

sourceCompliance({ name: 'ModelScope', create: createModelScopeSource, remote: true, arrange: place })

test('a model is pinned to its commit, with what the hub says of it', async (t) => {
  const { server, resolve } = await hub(t)
  const { artifacts, choice, omitted, ...rest } = await resolve('maker/tiny')
  assert.deepEqual(rest, {
    reference: `modelscope/maker/tiny@${second}:Q4_K_M`,
    suggestedName: 'tiny',
    version: second,
    licence: 'Apache-2.0',
    description: 'A tiny model',
    task: 'text-generation',
    homepage: `${server.origin}/models/maker/tiny`,
  })
  assert.ok(omitted?.every((path) => !artifacts.some((artifact) => artifact.path === path)))
  assert.equal(choice?.chosen, 'Q4_K_M')
  assert.deepEqual(
    artifacts.map(({ path }) => path),
    ['tiny-q4_k_m.gguf', 'configuration.json', 'README.md', 'docs/guide.md'],
  )
  assert.ok(artifacts.every(({ integrity }) => integrity?.algorithm === 'sha256'))
})

test('branches, tags, commits and variants are what references name', async (t) => {
  const { resolve } = await hub(t)
  for (const revision of ['dev', 'v1.0.0', first]) assert.equal((await resolve(`maker/tiny@${revision}`)).version, first)
  assert.equal((await resolve('maker/tiny@latest:q8_0')).artifacts[0]?.path, 'tiny-q8_0.gguf')
})

test('what is not there is source/not-found with what is near', async (t) => {
  const { resolve } = await hub(t)
  await assert.rejects(resolve('other/tiny'), { code: 'source/not-found', message: /did you mean modelscope\/maker\/tiny\?/ })
  await assert.rejects(resolve('maker/private'), { code: 'source/not-found', message: /if it is private, set MODELSCOPE_API_TOKEN/ })
  await assert.rejects(resolve('maker/tiny@v1.0'), {
    code: 'source/not-found',
    message: /no revision v1\.0; there are v1\.0\.0, master, dev/,
  })
  await assert.rejects(resolve('maker/tiny:Q5_K_M'), { code: 'source/not-found', message: /did you mean Q4_K_M/ })
})

test('files come from another host by redirect, which sees no token', async (t) => {
  const bytes = files['tiny-q4_k_m.gguf']
  const cdn = await createFaultyServer({ [`/${sha256(bytes)}`]: { body: bytes } })
  t.after(() => cdn[Symbol.asyncDispose]())
  const { resolve, source, server } = await hub(t, { MODELSCOPE_API_TOKEN: token }, { cdn: cdn.origin })
  const download = await source.download(defined((await resolve('maker/tiny')).artifacts[0], 'weights'), { offset: 9, signal })
  assert.deepEqual(await readAll(download), new Uint8Array(bytes.subarray(9)))
  assert.equal(server.requests.at(-1)?.headers['authorization'], `Bearer ${token}`)
  assert.equal(cdn.requests[0]?.headers['authorization'], undefined)
})

test('a refusal by status says what to set', async (t) => {
  for (const [env, message] of [
    [{}, /set MODELSCOPE_API_TOKEN/],
    [{ MODELSCOPE_API_TOKEN: token }, /the token in MODELSCOPE_API_TOKEN may not see it/],
  ] as const) {
    const { resolve, server } = await hub(t, env)
    server.fail('*', answers(401))
    await assert.rejects(resolve('maker/tiny'), { code: 'source/unauthorized', message })
  }
})

test('a refusal inside a 200 is an error with its reason', async (t) => {
  const { resolve, server } = await hub(t)
  const refuse = (Message: string) =>
    server.serve({ '/api/v1/models/maker/tiny': { body: JSON.stringify({ Code: 10010101004, Message, Success: false }) } })
  refuse('get model info failed, err: unauthorized permission')
  await assert.rejects(resolve('maker/tiny'), { code: 'source/unauthorized', message: /set MODELSCOPE_API_TOKEN/ })
  refuse('busy')
  await assert.rejects(resolve('maker/tiny'), { code: 'source/unavailable', message: /refused: busy/ })
})

test('what is no hub is refused and not retried', async (t) => {
  const { server, resolve } = await hub(t)
  for (const body of ['<html>', '{}', '{"Code":200,"Data":[]}']) {
    server.serve({ '/api/v1/models/maker/tiny': { body } })
    await assert.rejects(resolve('maker/tiny'), { code: 'source/unavailable', retryable: false }, body)
  }
})

test('a search tells format, licence, task and popularity', async (t) => {
  const { source } = await hub(t)
  assert.deepEqual(await source.search?.('tiny', { limit: 3, signal }), [
    {
      reference: 'modelscope/maker/tiny',
      title: 'maker/tiny',
      formats: ['gguf'],
      licence: 'Apache-2.0',
      task: 'text-generation',
      downloads: 7,
      likes: 1,
    },
  ])
})

test('a domain that is no host, or a token that is none, is config/invalid', async (t) => {
  for (const env of [{ MODELSCOPE_DOMAIN: 'a b' }, { MODELSCOPE_API_TOKEN: 'a\u0007b' }]) {
    const { resolve } = await hub(t, env)
    await assert.rejects(resolve('maker/tiny'), failsWith('config/invalid'))
  }
})

test('the commit is found in whichever field names it', () => {
  const file = (Revision: string, CommittedDate: number) => ({ Path: 'x', Type: 'blob', Size: 1, Revision, CommittedDate })
  const list = [file(first, 1), file(second, 2)]
  assert.equal(commitOf({ Files: list, LatestCommitter: { Id: third } }, 'master'), third)
  assert.equal(commitOf({ Files: list, LatestCommitter: { Id: '', ShortId: 'aaaaaaaa' } }, 'master'), first)
  assert.equal(commitOf({ Files: list, LatestCommitter: { ShortId: 'cccccccc' } }, 'master'), 'cccccccc')
  assert.equal(commitOf({ Files: list, LatestCommitter: null }, 'master'), second)
  assert.equal(commitOf({ Files: list, LatestCommitter: null }, third), third)
  assert.equal(commitOf({ Files: [], LatestCommitter: null }, 'master'), undefined)
})

test('keys are read as they are written', () => {
  const key = { repository: 'a/b', commit: first, path: 'x y/#1', sha256: '0'.repeat(64) }
  assert.deepEqual(parseKey(formatKey(key)), key)
  assert.throws(() => parseKey('modelscope:x'), failsWith('source/invalid-reference'))
})

test('any text is a reference that is written as it was read, or refused', () => {
  const reference = fc.string({ unit: fc.constantFrom(...Array.from('ab1./:@-_*')), maxLength: 40 })
  fc.assert(
    fc.property(fc.oneof(reference, fc.string({ unit: 'binary' })), (text) => {
      try {
        const parsed = parseModelScopeReference(text)
        const written = formatModelScopeReference(parsed)
        assert.deepEqual(parseModelScopeReference(written.slice('modelscope/'.length)), parsed)
      } catch (thrown) {
        failsWith('source/invalid-reference')(thrown)
      }
    }),
  )
})
