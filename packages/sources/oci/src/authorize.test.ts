import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError, createSeededRng, silentLog } from '@soma/core'
import type { HttpReply, HttpRequest, SourceDeps } from '@soma/spec'
import { createTestClock } from '@soma/testkit/clock'
import { failsWith } from '@soma/testkit/source'
import fc from 'fast-check'
import { Authorizer } from './authorize.ts'
import { parseChallenge } from './challenge.ts'
import { chunksOf, formatChunks, parseChunks } from './chunks.ts'
import { parseKey } from './key.ts'
import { parseManifest } from './manifest.ts'
import { registryOrigin } from './options.ts'
import { parseOciReference } from './reference.ts'

const signal = new AbortController().signal
const scope = { host: 'registry.example.org', repository: 'team/tiny', actions: 'pull,push' } as const
const base = 'https://registry.example.org/v2/team/tiny'

/** A registry behind a token service in memory: tokens are numbered, last 60 seconds, and only the newest one is good. */
function world(realm = 'https://auth.example.org/token') {
  const clock = createTestClock()
  const asked: string[] = []
  let issued = 0
  const reply = (body: string): HttpReply => ({
    status: 200,
    url: '',
    headers: {},
    body: (async function* () {
      yield new TextEncoder().encode(body)
    })(),
    [Symbol.dispose]: () => {},
  })
  const fetch = async (url: string, { headers = {} }: HttpRequest): Promise<HttpReply> => {
    asked.push(url)
    if (url.startsWith(realm)) return reply(`{"token":"t${++issued}","expires_in":60}`)
    if (url.startsWith(base) && headers['authorization'] !== `Bearer t${issued}`) {
      const challenge = `Bearer realm="${realm}",service="s",scope="repository:team/tiny:pull"`
      throw new SomaError('source/unauthorized', '401', { details: { status: 401, challenge } })
    }
    return reply(headers['authorization'] ?? 'nobody')
  }
  const deps: SourceDeps = {
    fetch,
    clock,
    rng: createSeededRng(1),
    log: silentLog,
    env: { HOME: '/nonexistent' },
    memoryBytes: 0,
    formats: [],
  }
  return { clock, asked, fetch: new Authorizer(deps).fetchFor(scope), tokens: () => asked.filter((url) => url.startsWith(realm)) }
}

test('a stream is never sent with a token that is about to run out', async () => {
  const { fetch, clock, tokens } = world()
  await fetch(`${base}/blobs/uploads/`, { method: 'POST', signal })
  const send = () => fetch(`${base}/blobs/uploads/1`, { method: 'PATCH', body: (async function* () {})(), signal })
  await send()
  clock.skip(49_000)
  await send()
  assert.equal(tokens().length, 1)
  clock.skip(2000)
  await send()
  assert.equal(tokens().length, 2)
})

test('publishing asks for reading and writing at once', async () => {
  const { fetch, tokens } = world()
  await fetch(`${base}/blobs/x`, { method: 'HEAD', signal })
  assert.equal(new URL(tokens()[0] ?? '').searchParams.get('scope'), 'repository:team/tiny:pull,push')
})

test('another origin, where an upload may go, gets no authorization', async () => {
  const { fetch } = world()
  await fetch(`${base}/blobs/x`, { signal })
  const elsewhere = await fetch('https://store.example.org/upload', { signal })
  assert.equal(new TextDecoder().decode((await Array.fromAsync(elsewhere.body))[0]), 'nobody')
})

test('a token service that is not reached by https gets nothing from a registry that is', async () => {
  const { fetch, tokens } = world('http://auth.example.org/token')
  await assert.rejects(fetch(`${base}/blobs/x`, { signal }), failsWith('source/unauthorized'))
  assert.equal(tokens().length, 0)
})

test('challenges are read in every notation of RFC 9110', () => {
  const bearer = { scheme: 'bearer', realm: 'https://a.example/t', service: 's', scope: 'repository:a/b:pull,push' }
  assert.deepEqual(parseChallenge('Bearer realm="https://a.example/t",service="s",scope="repository:a/b:pull,push"'), bearer)
  assert.deepEqual(
    parseChallenge('Basic realm="x, y=z", bearer Realm = "https://a.example/t" , service=s,scope="repository:a/b:pull,push"'),
    bearer,
  )
  assert.deepEqual(parseChallenge('Basic realm="say \\"hi\\""'), { scheme: 'basic' })
  assert.deepEqual(parseChallenge('basic'), { scheme: 'basic' })
  for (const header of ['', 'Negotiate', 'Bearer', 'Bearer realm="no address"', ',,,="'])
    assert.equal(parseChallenge(header), undefined, header)
})

test('only this machine and the hosts that are named are reached without TLS', () => {
  const origin = (host: string, insecure?: string) => registryOrigin(host, { SOMA_OCI_INSECURE: insecure })
  for (const host of ['localhost', 'localhost:5000', '127.0.0.1:1', '127.8.8.8', '[::1]:5000']) assert.equal(origin(host), `http://${host}`)
  for (const host of ['registry.example.org', '10.0.0.1:5000', 'localhost.example.org', '[::2]'])
    assert.equal(origin(host), `https://${host}`)
  assert.equal(origin('registry.lan:5000', 'a, registry.lan:5000'), 'http://registry.lan:5000')
  assert.equal(origin('registry.lan:5000', 'registry.lan'), 'http://registry.lan:5000')
  assert.equal(origin('docker.io'), 'https://registry-1.docker.io')
  assert.equal(parseOciReference('docker.io/tiny').repository, 'library/tiny')
  assert.equal(parseOciReference('GHCR.io/a').host, 'ghcr.io')
  assert.equal(origin('registry.example.org:443'), 'https://registry.example.org')
  for (const host of ['a.example:99999', '[:::]:1'])
    assert.throws(() => parseOciReference(`${host}/a`), failsWith('source/invalid-reference'))
})

test('references and keys are read back, and no text does anything but be refused', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  for (const text of [`ghcr.io/a/b@${digest}`, `localhost:5000/a@${digest}`, `[::1]:5000/a/b/c@${digest}`])
    assert.deepEqual(parseKey(`${text}#path`), parseOciReference(text))
  assert.deepEqual(parseOciReference(`ghcr.io/a/b:v1@${digest}`), { host: 'ghcr.io', repository: 'a/b', tag: 'v1', digest })
  const only = (read: () => unknown) => {
    try {
      read()
    } catch (thrown) {
      failsWith('source/invalid-reference', 'source/unavailable')(thrown)
    }
  }
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z.:/@[\]0-9-]{0,60}$/)), (text) => {
      only(() => parseOciReference(text))
      only(() => parseKey(text))
      only(() => parseManifest(new TextEncoder().encode(text), 'it'))
      parseChallenge(text)
    }),
  )
})

test('any JSON as a manifest is one or is refused', () => {
  const value = fc.jsonValue({ maxDepth: 4 })
  const record = fc.record({ layers: value, config: value, manifests: value, annotations: value }, { requiredKeys: [] })
  fc.assert(
    fc.property(fc.oneof(value, record), (document) => {
      try {
        parseManifest(new TextEncoder().encode(JSON.stringify(document)), 'it')
      } catch (thrown) {
        failsWith('source/unavailable')(thrown)
      }
    }),
  )
})

test('chunk hashes travel for files of several chunks, and are kept only where they fit the file', () => {
  const hashes = ['a', 'b', 'c'].map((letter) => letter.repeat(64))
  const large = { digest: 'sha256:1', chunks: { sizeBytes: 100_000, sha256: hashes } }
  assert.equal(
    formatChunks([{ digest: 'sha256:0' }, { digest: 'sha256:2', chunks: { sizeBytes: 100_000, sha256: hashes.slice(0, 1) } }]),
    undefined,
  )
  const known = parseChunks(formatChunks([large, { digest: 'sha256:0' }]) ?? assert.fail('there are some'))
  assert.deepEqual(chunksOf(known, 'sha256:1', 250_000), large.chunks)
  for (const sizeBytes of [200_000, 300_001, 0]) assert.equal(chunksOf(known, 'sha256:1', sizeBytes), undefined)
  assert.equal(chunksOf(known, 'sha256:0', 1), undefined)
})
