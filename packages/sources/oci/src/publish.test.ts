import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createSeededRng, silentLog } from '@soma/core'
import type { OutgoingFile, OutgoingPackage, PublishOptions, Source } from '@soma/spec'
import { createHttpFetch, systemClock } from '@soma/host'
import { type DockerRegistryOptions, createFaultyServer, startDockerRegistry } from '@soma/testkit/server'
import { createTestSource, failsWith, readAll } from '@soma/testkit/source'
import { Authorizer } from './authorize.ts'
import { createOciSource } from './index.ts'
import { createPublisher } from './publish.ts'

const signal = new AbortController().signal

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function fileOf(path: string, bytes: Uint8Array, chunkBytes?: number): OutgoingFile {
  const open = async function* (begin: number): AsyncGenerator<Uint8Array> {
    for (let at = begin; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536)
  }
  const count = chunkBytes === undefined ? 0 : Math.ceil(bytes.byteLength / chunkBytes)
  const chunks = chunkBytes !== undefined && {
    sizeBytes: chunkBytes,
    sha256: Array.from({ length: count }, (_, at) => sha256(bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes))),
  }
  return { path, sizeBytes: bytes.byteLength, digest: `sha256:${sha256(bytes)}`, open, ...(chunks && { chunks }) }
}

/** Larger than what is sent whole, so that it goes in a PATCH. */
const large = Uint8Array.from({ length: 9 * 1024 * 1024 }, (_, at) => (at * 2_654_435_761) >>> 24)

function tinyPackage(...more: OutgoingFile[]): OutgoingPackage {
  const files = [
    fileOf('LICENSE', Buffer.from('Apache')),
    fileOf('empty.txt', new Uint8Array()),
    fileOf('manifest.yaml', Buffer.from('kind: Model')),
    fileOf('sub/copy-of-license', Buffer.from('Apache')),
    fileOf('weights/model.onnx', large, 1024 * 1024),
  ]
  return { name: 'tiny', version: '1.2.0', licence: 'Apache-2.0', description: 'A tiny model', format: 'onnx', files: [...files, ...more] }
}

interface Progress {
  readonly path: string
  readonly sentBytes: number
  readonly skipped: boolean
}

function watching(): PublishOptions & { readonly seen: Progress[] } {
  const seen: Progress[] = []
  return { signal, seen, progress: (state) => void seen.push(state) }
}

async function registry(t: TestContext, options: DockerRegistryOptions = {}) {
  const real = await startDockerRegistry(t, options)
  if (real === undefined) return undefined
  const home = await mkdtemp(join(tmpdir(), 'soma-publish-'))
  t.after(() => rm(home, { recursive: true }))
  if (options.withPassword) {
    const auth = { auths: { [real.host]: { auth: btoa('soma:open sesame') } } }
    await writeFile(join(home, 'auth.json'), JSON.stringify(auth))
  }
  const open = (env = { REGISTRY_AUTH_FILE: join(home, 'auth.json') }) => {
    const one = createTestSource(createOciSource, { HOME: home, ...env })
    t.after(() => one[Symbol.asyncDispose]())
    return one.source as Required<Source>
  }
  return { ...real, open }
}

test('what is published to a real registry installs elsewhere with the same digests, and is not sent twice', async (t) => {
  const real = await registry(t)
  if (!real) return
  const pkg = tinyPackage()
  const first = watching()
  const published = await real.open().publish(pkg, `${real.host}/team/tiny:1.2`, first)
  assert.match(published.reference, new RegExp(`^oci/${real.host}/team/tiny@sha256:[0-9a-f]{64}$`))
  assert.ok(first.seen.some(({ path, sentBytes }) => path === 'weights/model.onnx' && sentBytes === large.byteLength))

  for (const name of [`${real.host}/team/tiny:1.2`, published.reference.slice('oci/'.length)]) {
    const source = real.open()
    const { artifacts, reference, licence, version, description } = await source.resolve(name, { signal })
    assert.equal(reference, published.reference)
    assert.deepEqual([licence, version, description], ['Apache-2.0', '1.2.0', 'A tiny model'])
    assert.deepEqual(
      artifacts.map(({ path, integrity, sizeBytes, kind }) => [path, `sha256:${integrity?.digest}`, sizeBytes, kind]),
      pkg.files.map(({ path, digest, sizeBytes }) => [path, digest, sizeBytes, 'file']),
    )
    assert.deepEqual(artifacts.at(-1)?.chunks, pkg.files.at(-1)?.chunks)
    for (const artifact of artifacts)
      assert.equal(sha256(await readAll(await source.download(artifact, { offset: 0, signal }))), artifact.integrity?.digest)
    const rest = await source.download(artifacts.at(-1)!, { offset: 5_000_000, signal })
    assert.equal(rest.offset, 5_000_000)
    assert.equal(sha256(await readAll(rest)), sha256(large.subarray(5_000_000)))
  }

  const again = watching()
  assert.deepEqual(await real.open().publish(pkg, `${real.host}/team/tiny:other`, again), published)
  assert.ok(again.seen.every(({ skipped, sentBytes }) => skipped && sentBytes === 0))
  assert.equal(again.seen.length, pkg.files.length + 2)
})

test('the manifest is ModelPack’s and every layer has the title that ORAS looks for', async (t) => {
  const real = await registry(t)
  if (!real) return
  await real.open().publish(tinyPackage(), `${real.host}/team/tiny`, watching())
  const reply = await fetch(`http://${real.host}/v2/team/tiny/manifests/latest`, {
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  })
  const { artifactType, config, layers } = (await reply.json()) as {
    artifactType: string
    config: { mediaType: string; digest: string }
    layers: Array<{ mediaType: string; digest: string; annotations: Record<string, string> }>
  }
  assert.equal(artifactType, 'application/vnd.cncf.model.manifest.v1+json')
  assert.equal(config.mediaType, 'application/vnd.cncf.model.config.v1+json')
  assert.deepEqual(
    layers.map(({ mediaType, annotations }) => [mediaType.replace('application/vnd.', ''), annotations['org.opencontainers.image.title']]),
    [
      ['cncf.model.doc.v1.raw', 'LICENSE'],
      ['cncf.model.weight.config.v1.raw', 'empty.txt'],
      ['cncf.model.weight.config.v1.raw', 'manifest.yaml'],
      ['cncf.model.weight.config.v1.raw', 'sub/copy-of-license'],
      ['cncf.model.weight.v1.raw', 'weights/model.onnx'],
      ['soma.chunks.v1+json', '.soma-chunks.json'],
    ],
  )
  const blob = await fetch(`http://${real.host}/v2/team/tiny/blobs/${config.digest}`)
  assert.deepEqual(await blob.json(), {
    descriptor: { name: 'tiny', version: '1.2.0', licenses: ['Apache-2.0'], description: 'A tiny model' },
    config: { format: 'onnx' },
    modelfs: { type: 'layers', diffIds: layers.map(({ digest }) => digest) },
  })
})

test('bytes that do not have their digest are refused, and no tag comes to be', async (t) => {
  const real = await registry(t)
  if (!real) return
  const honest = fileOf('weights/model.onnx', large)
  for (const lying of [
    { ...honest, digest: `sha256:${'0'.repeat(64)}` },
    { ...fileOf('a.bin', Buffer.from('abc')), digest: `sha256:${'1'.repeat(64)}` },
  ]) {
    const source = real.open()
    await assert.rejects(source.publish(tinyPackage(lying), `${real.host}/team/tiny`, watching()), failsWith('package/hash-mismatch'))
    await assert.rejects(source.resolve(`${real.host}/team/tiny`, { signal }), failsWith('source/not-found'))
  }
})

/** The publisher with small pieces, and what it shares between two attempts. */
function smallPieces(t: TestContext): NonNullable<Source['publish']> {
  const fetch = createHttpFetch({ env: {}, log: silentLog, clock: systemClock, userAgent: 'soma-test' })
  t.after(() => fetch[Symbol.asyncDispose]())
  const deps = { fetch, clock: systemClock, rng: createSeededRng(1), log: silentLog, env: {}, memoryBytes: 0, formats: [] }
  return createPublisher(deps, new Authorizer(deps), { wholeBytesMax: 100, pieceBytes: 2_000_003 })
}

test('a blob in many pieces arrives whole', async (t) => {
  const real = await registry(t)
  if (!real) return
  await smallPieces(t)(tinyPackage(), `${real.host}/team/tiny`, watching())
  // Five of the large file, one of the chunks’ hashes, one of the config.
  assert.equal(real.requests.filter((line) => line.includes('"PATCH ')).length, 7)
  const { artifacts } = await real.open().resolve(`${real.host}/team/tiny`, { signal })
  assert.equal(artifacts.length, 5)
})

/** The large file, whose `open` notes where it begins and breaks the time that `breaksAt` says, after so many bytes of it. */
function breaking(breaksAt: number, afterBytes: number): { readonly file: OutgoingFile; readonly begins: number[] } {
  const whole = fileOf('model.onnx', large)
  const begins: number[] = []
  const open = async function* (begin: number): AsyncGenerator<Uint8Array> {
    const breaks = begins.push(begin) === breaksAt
    let sent = 0
    for await (const chunk of whole.open(begin)) {
      if (breaks && sent >= afterBytes) throw new Error('the disk is tired')
      yield chunk
      sent += chunk.byteLength
    }
  }
  return { file: { ...whole, open }, begins }
}

for (const [when, afterBytes, expected] of [
  ['between two pieces goes on after the last one', 0, [0, 2_000_003, 4_000_006, 4_000_006, 6_000_009, 8_000_012]],
  [
    'in a piece, which the reference implementation forgets, begins anew',
    500_000,
    [0, 2_000_003, 4_000_006, 0, 2_000_003, 4_000_006, 6_000_009, 8_000_012],
  ],
] as const) {
  test(`an upload that breaks ${when}`, async (t) => {
    const real = await registry(t)
    if (!real) return
    const publish = smallPieces(t)
    const { file, begins } = breaking(3, afterBytes)
    const pkg = { ...tinyPackage(), files: [file] }
    await assert.rejects(publish(pkg, `${real.host}/team/tiny`, watching()))
    await publish(pkg, `${real.host}/team/tiny`, watching())
    assert.deepEqual(begins, expected)
    const source = real.open()
    const { artifacts } = await source.resolve(`${real.host}/team/tiny`, { signal })
    assert.equal(sha256(await readAll(await source.download(artifacts[0]!, { offset: 0, signal }))), sha256(large))
  })
}

test('an upload that breaks in a piece goes on inside it where the registry kept what it got', async (t) => {
  const server = await keepingRegistry(t)
  const { file, begins } = breaking(2, 1_000_000)
  const pkg = { ...tinyPackage(), files: [file] }
  const publish = smallPieces(t)
  await assert.rejects(publish(pkg, `${server.host}/team/tiny`, watching()))
  await server.settled()
  await publish(pkg, `${server.host}/team/tiny`, watching())
  assert.equal(begins[1], 2_000_003)
  assert.ok((begins[2] ?? 0) > 2_000_003, `went on at ${begins[2]}`)
  assert.equal(sha256(server.blob()), sha256(large))
})

/** Uploads by the specification’s letter: what arrived of a piece counts, and GET says how much that is. Keeps the largest blob and the manifest. */
async function keepingRegistry(t: TestContext) {
  let kept = Buffer.alloc(0)
  let largest = kept
  let manifest = kept
  let receiving = Promise.resolve()
  const receive = async (request: IncomingMessage): Promise<void> => {
    for await (const chunk of request) kept = Buffer.concat([kept, chunk as Buffer])
  }
  const server = createServer((request, response) => {
    const answer = (status: number): void => {
      const range = kept.byteLength > 0 && { range: `0-${kept.byteLength - 1}` }
      response.writeHead(status, { location: '/v2/team/tiny/blobs/uploads/1', ...range }).end()
    }
    if (request.method === 'HEAD') return void response.writeHead(404).end()
    const isManifest = request.url?.includes('/manifests/') === true
    if (request.method === 'GET') return isManifest ? void response.end(manifest) : answer(204)
    if (request.method === 'POST' || isManifest) kept = Buffer.alloc(0)
    const { method } = request
    receiving = receive(request).then(
      () => {
        if (isManifest) manifest = kept
        if (kept.byteLength > largest.byteLength) largest = kept
        answer(method === 'PUT' ? 201 : 202)
      },
      () => {},
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, settled: () => receiving, blob: () => largest }
}

test('a registry that loses count of the bytes is an error, and not asked for ever', async (t) => {
  for (const range of ['0-0', `0-${large.byteLength}`]) {
    let pieces = 0
    const server = createServer((request, response) => {
      if (request.method === 'PATCH') pieces++
      const status = { HEAD: 404, POST: 202, PATCH: 202 }[request.method ?? ''] ?? 500
      request.resume().on('end', () => response.writeHead(status, { location: '/v2/team/tiny/blobs/uploads/1', range }).end())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close().closeAllConnections())
    const pkg = { ...tinyPackage(), files: [fileOf('model.onnx', large)] }
    const name = `127.0.0.1:${(server.address() as AddressInfo).port}/team/tiny`
    await assert.rejects(smallPieces(t)(pkg, name, watching()), { code: 'source/unavailable', message: /has lost count of its bytes/ })
    assert.equal(pieces, 1)
  }
})

test('what says yes to everything and keeps nothing has published nothing; an upload that goes on nowhere is told', async (t) => {
  const answers = {
    yes: { status: 200, headers: { location: '/v2/team/tiny/blobs/uploads/1' } },
    nowhere: { status: 202, headers: { location: 'http://[' } },
  }
  for (const [what, { status, headers }] of Object.entries(answers)) {
    const server = createServer((request, response) => {
      const found = request.method === 'HEAD' && what === 'nowhere' ? 404 : status
      request.resume().on('end', () => response.writeHead(found, headers).end())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => server.close().closeAllConnections())
    const name = `127.0.0.1:${(server.address() as AddressInfo).port}/team/tiny`
    const expected = what === 'yes' ? failsWith('package/hash-mismatch') : failsWith('source/unavailable')
    await assert.rejects(smallPieces(t)(tinyPackage(), name, watching()), expected, what)
  }
})

test('a registry with a password takes packages from who has it, and from nobody else', async (t) => {
  const real = await registry(t, { withPassword: true })
  if (!real) return
  const name = `${real.host}/team/tiny`
  const { reference } = await real.open().publish(tinyPackage(), name, watching())
  assert.equal((await real.open().resolve(name, { signal })).reference, reference)
  const stranger = real.open({ REGISTRY_AUTH_FILE: '/nonexistent' })
  await assert.rejects(stranger.publish(tinyPackage(), name, watching()), failsWith('source/unauthorized'))
  await assert.rejects(stranger.resolve(name, { signal }), failsWith('source/unauthorized'))
})

test('an abort ends a publication, and the tag stays what it was', async (t) => {
  const real = await registry(t)
  if (!real) return
  const source = real.open()
  const controller = new AbortController()
  const options = {
    signal: controller.signal,
    progress: ({ sentBytes }: { sentBytes: number }) => void (sentBytes > 1_000_000 && controller.abort()),
  }
  await assert.rejects(source.publish(tinyPackage(), `${real.host}/team/tiny`, options), failsWith('call/cancelled'))
  await assert.rejects(source.resolve(`${real.host}/team/tiny`, { signal }), failsWith('source/not-found'))
  await assert.rejects(source.publish(tinyPackage(), `${real.host}/team/tiny`, options), failsWith('call/cancelled'))
})

test('publishing under a digest or to what takes nothing is refused', async (t) => {
  const server = await createFaultyServer({})
  t.after(() => server[Symbol.asyncDispose]())
  const { host } = new URL(server.origin)
  await using one = createTestSource(createOciSource)
  const source = one.source as Required<Source>
  await assert.rejects(
    source.publish(tinyPackage(), `${host}/a@sha256:${'0'.repeat(64)}`, watching()),
    failsWith('source/invalid-reference'),
  )
  await assert.rejects(source.publish(tinyPackage(), `${host}/a`, watching()), failsWith('source/unsupported'))
})
