import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import {
  type OciArtifact,
  type OciIndexOf,
  type OciRegistryOptions,
  answers,
  createFaultyServer,
  ociRegistry,
  redirectsTo,
  tarGzOf,
  tarOf,
} from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { createOciSource } from './index.ts'

const signal = new AbortController().signal
const weights = Buffer.from('the weights of a very small model')
const modelPack = (bytes: Uint8Array): OciArtifact => ({
  artifactType: 'application/vnd.cncf.model.manifest.v1+json',
  config: {
    mediaType: 'application/vnd.cncf.model.config.v1+json',
    bytes: JSON.stringify({
      descriptor: {
        name: 'tiny',
        version: '1.2.0',
        licenses: ['apache-2.0'],
        description: 'A tiny model',
        sourceURL: 'https://example.org/tiny',
      },
      config: { format: 'onnx' },
      modelfs: { type: 'layers', diffIds: [] },
    }),
  },
  layers: [
    { mediaType: 'application/vnd.cncf.model.weight.v1.raw', bytes, annotations: { 'org.cncf.model.filepath': 'weights/model.onnx' } },
    {
      mediaType: 'application/vnd.cncf.model.weight.config.v1.raw',
      bytes: '{"a":1}',
      annotations: { 'org.cncf.model.filepath': 'config.json' },
    },
  ],
})

const secret = 'hush-hush'
const basic = btoa(`me:${secret}`)

/** A private registry, and a user whose netrc has its password: the faults of the suite then meet the requests that they are meant for. */
async function place(): Promise<SourceFixture> {
  const home = await mkdtemp(join(tmpdir(), 'soma-source-oci-'))
  const options: OciRegistryOptions = { authorization: `Basic ${basic}` }
  const server = await createFaultyServer(ociRegistry({ 'team/tiny': { '1.2': modelPack(weights) } }, options))
  const { host } = new URL(server.origin)
  await writeFile(join(home, '.netrc'), `machine 127.0.0.1 login me password ${secret}`)
  const nothing = { status: 404, body: 'MANIFEST_UNKNOWN' }
  const change = async (): Promise<void> => {
    await using one = createTestSource(createOciSource, { HOME: home })
    const { reference, artifacts } = await one.source.resolve(`${host}/team/tiny:1.2`, { signal })
    const gone = [`manifests/${reference.split('@')[1]}`, ...artifacts.map(({ integrity }) => `blobs/sha256:${integrity?.digest}`)]
    server.serve(Object.fromEntries(gone.map((path) => [`/v2/team/tiny/${path}`, nothing])))
    server.serve(ociRegistry({ 'team/tiny': { '1.2': modelPack(weights.toReversed()) } }, options))
  }
  return {
    good: `${host}/team/tiny:1.2`,
    missing: `${host}/team/tiny:7`,
    malformed: [
      'tiny',
      'team/tiny',
      `${host}/Team/tiny`,
      `${host}/tiny@sha256:abc`,
      `${host}/tiny:`,
      `${host}/`,
      'localhost/a//b',
      'ex ample.org/a',
      `${host}/../etc`,
    ],
    bytes: (path) => (path.endsWith('.onnx') ? weights : Buffer.from('{"a":1}')),
    change,
    env: { HOME: home },
    server,
    secrets: [secret, basic],
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await rm(home, { recursive: true })
    },
  }
}

sourceCompliance({ name: 'oci', create: createOciSource, remote: true, arrange: place })

async function opened(
  t: TestContext,
  tags: Record<string, OciArtifact | OciIndexOf>,
  options: OciRegistryOptions = {},
  auths: object = {},
) {
  const home = await mkdtemp(join(tmpdir(), 'soma-source-oci-'))
  t.after(() => rm(home, { recursive: true }))
  const server = await createFaultyServer(ociRegistry({ 'team/tiny': tags }, options))
  t.after(() => server[Symbol.asyncDispose]())
  const { host } = new URL(server.origin)
  await writeFile(join(home, 'auth.json'), JSON.stringify(auths).replaceAll('HOST', host))
  const one = createTestSource(createOciSource, { HOME: home, REGISTRY_AUTH_FILE: join(home, 'auth.json') })
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, server, host, home, resolve: (name: string) => one.source.resolve(`${host}/team/tiny${name}`, { signal }) }
}

const layer = (mediaType: string, bytes: Uint8Array | string, title?: string): OciArtifact['layers'][number] => ({
  mediaType,
  bytes,
  ...(title !== undefined && { annotations: { 'org.opencontainers.image.title': title } }),
})

test('a ModelPack artifact gives its files, licence, version and description', async (t) => {
  const { resolve } = await opened(t, { latest: modelPack(weights) })
  const { artifacts, reference, ...rest } = await resolve('')
  assert.match(reference, /^oci\/127\.0\.0\.1:\d+\/team\/tiny@sha256:[0-9a-f]{64}$/)
  assert.deepEqual(rest, {
    suggestedName: 'tiny',
    version: '1.2.0',
    licence: 'Apache-2.0',
    description: 'A tiny model',
    homepage: 'https://example.org/tiny',
  })
  assert.deepEqual(
    artifacts.map(({ path, kind, sizeBytes }) => [path, kind, sizeBytes]),
    [
      ['weights/model.onnx', 'file', weights.byteLength],
      ['config.json', 'file', 7],
    ],
  )
  assert.equal(artifacts[0]?.integrity?.digest, createHash('sha256').update(weights).digest('hex'))
})

test('layers of ModelPack, KitOps and ORAS folders are archives', async (t) => {
  const tar = tarOf({ 'a.txt': 'a' })
  const gz = tarGzOf({ 'b/b.txt': 'b' })
  const folder = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', bytes: gz }
  const annotations = { 'org.opencontainers.image.title': 'b', 'io.deis.oras.content.unpack': 'true' }
  const layers = [
    layer('application/vnd.cncf.model.weight.v1.tar', tar),
    layer('application/vnd.cnai.model.doc.v1.tar+gzip', gz),
    layer('application/vnd.kitops.modelkit.model.v1.tar+gzip', gz, 'x'),
    { ...folder, annotations },
    layer('application/vnd.oci.image.layer.v1.tar', 'a file that ORAS pushed', 'notes.txt'),
    layer('application/vnd.oci.image.layer.v1.tar+gzip', tarGzOf({ 'c/c.txt': 'c' }), 'c'),
  ]
  const { resolve } = await opened(t, { latest: { layers } })
  const { artifacts } = await resolve('')
  assert.deepEqual(
    artifacts.map(({ path, kind }) => `${kind} ${path}`),
    ['tar 1-layer.tar', 'tar.gz 2-layer.tar.gz', 'tar.gz 3-x.tar.gz', 'tar.gz 4-b.tar.gz', 'file notes.txt', 'tar.gz 6-c.tar.gz'],
  )
  assert.equal(new Set(artifacts.map(({ key }) => key)).size, 6)
})

test('a Docker model’s layers get the names that its engines look for, shards in their order', async (t) => {
  const config = { mediaType: 'application/vnd.docker.ai.model.config.v0.1+json', bytes: '{"config":{"format":"gguf"}}' }
  const gguf = 'application/vnd.docker.ai.gguf.v3'
  const extra = [
    layer(`${gguf}.mmproj`, 'p'),
    layer('application/vnd.docker.ai.license', 'MIT'),
    layer('application/vnd.docker.ai.chat.template.jinja', '{{ messages }}'),
    layer('application/vnd.docker.ai.vllm.config.tar', tarOf({ 'config.json': '{}' })),
    { ...layer('application/vnd.docker.ai.model.file', '{}'), annotations: { 'org.cncf.model.filepath': 'tokenizer.json' } },
  ]
  const { resolve } = await opened(t, {
    one: { config, layers: [layer(gguf, 'w'), ...extra] },
    two: { config, layers: [layer(gguf, 'v'), layer(gguf, 'w')] },
  })
  const paths = async (tag: string) => (await resolve(tag)).artifacts.map(({ path }) => path)
  assert.deepEqual(await paths(':one'), ['model.gguf', 'mmproj.gguf', 'LICENSE', 'chat_template.jinja', '5-layer.tar', 'tokenizer.json'])
  assert.deepEqual(await paths(':two'), ['model-00001-of-00002.gguf', 'model-00002-of-00002.gguf'])
})

test('what is no model artifact is refused and says why', async (t) => {
  const image = { mediaType: 'application/vnd.oci.image.config.v1+json', bytes: '{}' }
  const { resolve } = await opened(t, {
    image: { config: image, layers: [layer('application/vnd.oci.image.layer.v1.tar+gzip', 'x')] },
    unknown: { layers: [layer('application/x-strange', 'x')] },
    zstd: { layers: [layer('application/vnd.cncf.model.weight.v1.tar+zstd', 'x')] },
    empty: { layers: [layer('application/vnd.oci.empty.v1+json', '{}')] },
    escape: { layers: [layer('application/x', 'x', '../../etc/passwd')] },
  })
  const refused = async (tag: string, message: RegExp) => {
    await assert.rejects(
      resolve(`:${tag}`),
      (thrown) => failsWith('source/unsupported', 'package/unsafe-path')(thrown) && message.test(String(thrown)),
      tag,
    )
  }
  await refused('image', /container image/)
  await refused('unknown', /application\/x-strange without a file name/)
  await refused('zstd', /without zstd/)
  await refused('empty', /no files/)
  await refused('escape', /leaves the package/)
})

test('an index leads to the manifest for this machine and names the others', async (t) => {
  const machine = process.arch === 'x64' ? 'amd64' : process.arch
  const of = (text: string) => ({ layers: [layer('application/x', text, 'm.bin')] })
  const attestation = { ...of('att'), entryAnnotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }
  const { resolve } = await opened(t, {
    machines: {
      manifests: [
        { ...of('other'), platform: { os: 'linux', architecture: 'sparc' } },
        { ...of('mine'), platform: { os: 'linux', architecture: machine } },
        attestation,
      ],
    },
    names: { manifests: [{ ...of('q4'), entryAnnotations: { 'org.opencontainers.image.ref.name': 'q4' } }, of('q8')] },
    nothing: { manifests: [attestation] },
  })
  const machines = await resolve(':machines')
  assert.equal(machines.choice?.chosen, `linux/${machine}`)
  assert.equal(machines.choice.options.length, 2)
  assert.equal(machines.artifacts[0]?.sizeBytes, 4)
  const names = await resolve(':names')
  assert.equal(names.choice?.chosen, 'q4')
  const other = names.choice.options[1]?.reference ?? ''
  assert.deepEqual((await resolve(other.slice(other.indexOf('@')))).reference, other)
  await assert.rejects(resolve(':nothing'), failsWith('source/unsupported'))
})

test('chunk hashes that are none cost a warning, not the install', async (t) => {
  const files = [layer('application/x', 'x', 'm.bin'), layer('application/vnd.soma.chunks.v1+json', '{"version":2}', '.soma-chunks.json')]
  const { resolve, logged } = await opened(t, { latest: { layers: files } })
  const { artifacts } = await resolve('')
  assert.deepEqual(
    artifacts.map(({ path, chunks }) => [path, chunks]),
    [['m.bin', undefined]],
  )
  assert.equal(logged.filter(({ level }) => level === 'warn').length, 1)
})

test('a tag that is not there names those that are', async (t) => {
  const { resolve } = await opened(t, { 'v1.0': modelPack(weights), 'v1.1': modelPack(weights), beta: modelPack(weights) })
  await assert.rejects(resolve(':v1.2'), /has no v1\.2; its tags are v1\.0, v1\.1/)
  await assert.rejects(resolve(''), /has no latest; its tags are v1\.0, v1\.1, beta/)
})

test('a manifest or config that was altered on the way is refused', async (t) => {
  const { resolve, server } = await opened(t, { latest: modelPack(weights) })
  const { reference } = await resolve('')
  const digest = reference.split('@')[1] ?? ''
  server.serve({ [`/v2/team/tiny/manifests/${digest}`]: { body: '{"schemaVersion":2}' } })
  await assert.rejects(resolve(`@${digest}`), failsWith('package/hash-mismatch'))
  server.serve({ '/v2/team/tiny/manifests/latest': { body: '{"schemaVersion":2}', headers: { 'docker-content-digest': digest } } })
  await assert.rejects(resolve(''), failsWith('package/hash-mismatch'))
  for (const body of ['<html>', '[]', '{"layers":1}', '{"manifests":[{}]}']) {
    server.serve({ '/v2/team/tiny/manifests/latest': { body } })
    await assert.rejects(resolve(''), { code: 'source/unavailable', retryable: false }, body)
  }
})

test('a public registry gives everybody a token, which is asked for once', async (t) => {
  const { resolve, source, server } = await opened(t, { latest: modelPack(weights) }, { token: { value: 'anybody' } })
  const { artifacts } = await resolve('')
  for (const artifact of artifacts) await readAll(await source.download(artifact, { offset: 0, signal }))
  assert.equal(server.requests.filter(({ path }) => path === '/token').length, 1)
  assert.equal(server.requests.find(({ path }) => path === '/token')?.headers['authorization'], undefined)
})

test('a token that has run out is replaced', async (t) => {
  const { resolve, server } = await opened(t, { latest: modelPack(weights) }, { token: { value: 'first' } })
  await resolve('')
  server.serve(ociRegistry({ 'team/tiny': { latest: modelPack(weights) } }, { token: { value: 'second' } }))
  await resolve('')
  assert.equal(server.requests.filter(({ path }) => path === '/token').length, 2)
})

test('stored credentials are found by host or by owner, as user and password, refresh token or bearer token', async (t) => {
  const tags = { latest: modelPack(weights) }
  const works = async (options: OciRegistryOptions, auths: object) => (await opened(t, tags, options, { auths })).resolve('')
  await works({ authorization: `Basic ${basic}` }, { HOST: { auth: basic } })
  await works({ authorization: `Basic ${basic}` }, { 'HOST/team': { username: 'me', password: secret }, HOST: { auth: 'd3Jvbmc6' } })
  await works({ authorization: `Basic ${basic}` }, { 'https://HOST/v1/': { auth: basic } })
  await works({ token: { value: 'of-me', authorization: `Basic ${basic}` } }, { HOST: { auth: basic } })
  await works({ token: { value: 'kept' } }, { HOST: { registrytoken: 'kept' } })
  const refresh = await opened(t, tags, { token: { value: 'fresh' } }, { auths: { HOST: { identitytoken: 'refresh-me' } } })
  refresh.server.serve({ '/token': { contentType: 'application/json', body: '{"access_token":"fresh"}' } })
  await refresh.resolve('')
  assert.equal(refresh.server.requests.find(({ path }) => path === '/token')?.method, 'POST')
})

test('missing, wrong and unreachable credentials each say what to do', async (t) => {
  const tags = { latest: modelPack(weights) }
  const options: OciRegistryOptions = { authorization: `Basic ${basic}` }
  const refused = async (auths: object, message: RegExp, how: OciRegistryOptions = options) => {
    const { resolve } = await opened(t, tags, how, auths)
    await assert.rejects(
      resolve(''),
      (thrown) => failsWith('source/unauthorized', 'config/invalid')(thrown) && message.test(String(thrown)),
      String(message),
    )
  }
  await refused({}, /`docker login 127\.0\.0\.1:\d+`/)
  await refused({ auths: { HOST: { auth: 'd3Jvbmc6d3Jvbmc=' } } }, /private, or does not exist/)
  await refused({ auths: { HOST: {} }, credsStore: 'pass' }, /docker-credential-pass/)
  await refused({ credHelpers: { HOST: 'gcr' } }, /docker-credential-gcr/)
  await refused({ auths: { HOST: { auth: 7 } } }, /auth\.json is no registry credentials file/)
  await refused({}, /401/, { token: { value: 'x', authorization: `Basic ${basic}` } })
})

test('credentials and tokens do not follow a redirect to another server', async (t) => {
  const { resolve, source, server } = await opened(t, { latest: modelPack(weights) }, { token: { value: 'private' } })
  const { artifacts } = await resolve('')
  await using cdn = await createFaultyServer({ '/blob': { body: weights } })
  server.fail(`/v2/team/tiny/blobs/sha256:${artifacts[0]?.integrity?.digest}`, redirectsTo(`${cdn.origin}/blob`, 307))
  assert.deepEqual(await readAll(await source.download(artifacts[0]!, { offset: 0, signal })), new Uint8Array(weights))
  assert.equal(cdn.requests[0]?.headers['authorization'], undefined)
})

test('neither passwords nor tokens are in an error, log line, key or reference', async (t) => {
  const options: OciRegistryOptions = { token: { value: 'token-of-the-test', authorization: `Basic ${basic}` } }
  const { resolve, server, logged } = await opened(t, { latest: modelPack(weights) }, options, { auths: { HOST: { auth: basic } } })
  const shown = [JSON.stringify(await resolve(''))]
  for (const [path, fault] of [
    ['*', answers(500)],
    ['/token', answers(401)],
    ['/token', answers(429)],
    ['/v2/team/tiny/manifests/latest', answers(403)],
  ] as const) {
    server.serve(
      ociRegistry({ 'team/tiny': { latest: modelPack(weights) } }, { token: { value: 'another-token', authorization: `Basic ${basic}` } }),
    )
    server.fail(path, fault)
    await assert.rejects(resolve(''), (thrown) => shown.push(inspect(thrown, { depth: 9 })) > 0)
    server.heal()
  }
  assert.equal(shown.length, 5)
  assert.doesNotMatch([...shown, JSON.stringify(logged)].join('\n'), new RegExp(`${secret}|${basic}|token-of-the-test|another-token`))
})
