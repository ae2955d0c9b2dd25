// What each failure of a delivery looks like to the person who asked for it: exit code, problem document, next step, and nothing left behind.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { connect } from '@soma/sdk'
import { tinySafetensors, writeSafetensors, llamaGguf } from '@soma/testkit/formats'
import { externalDataModel } from '@soma/testkit/onnx'
import {
  answers,
  corruptsByte,
  createFaultyServer,
  cutsAfter,
  huggingFaceHub,
  ociRegistry,
  redirectsTo,
  tarGzOf,
  tarOf,
  truncatesTo,
  zipOf,
} from '@soma/testkit/server'
import { MIB, outputOf, refused, temporaryFolder } from './attack.ts'
import { COMMIT, DeliveryWorld } from './delivery-world.ts'

const weights = Buffer.from(tinySafetensors())
const config = '{"architectures":["BertModel"],"model_type":"bert"}'
const whole = { 'config.json': config, 'model.safetensors': weights }
/** `os.system("id")`, as an attacker writes it into a checkpoint. */
const evil = writeEvilTorch()

describe('a delivery that fails', { concurrency: false }, () => {
  let world: DeliveryWorld
  before(async () => (world = await DeliveryWorld.start()))
  after(async () => world?.[Symbol.asyncDispose]())
  afterEach(() => world.reset())

  test('not found: a model, with those that are called alike', async () => {
    world.add('acme/tiny-llm', whole)
    await world.refuses(['hf/amce/tiny-llm'], 'source/not-found', /no model amce\/tiny-llm.*did you mean hf\/acme\/tiny-llm\?/)
  })

  test('not found: a revision, with those that there are', async () => {
    world.add('acme/tiny-llm', whole, { branches: { main: COMMIT, 'v1.2': COMMIT } })
    await world.refuses(['hf/acme/tiny-llm@v1.3'], 'source/not-found', /acme\/tiny-llm has no revision v1\.3; there are v1\.2, main/)
  })

  test('not found: a source, with those that there are', async () => {
    await world.refuses(['huggingface/acme/tiny'], 'source/invalid-reference', /one of the sources file, url, hf/)
  })

  test('gated: the page where its terms are accepted', async () => {
    const reference = world.add('acme/gated', whole, { gated: true })
    const problem = await world.refuses([reference], 'source/gated', /accept its terms at http:\S+\/acme\/gated and set HF_TOKEN/)
    assert.equal(problem.details['page'], `${world.hub.origin}/acme/gated`)
  })

  test('unauthorised: which token is wanted, and the one that is set is not told', async () => {
    world.add('acme/private', whole, { private: true })
    await world.refuses(['hf/acme/private'], 'source/not-found', /if it is private, set HF_TOKEN/)
    const reference = world.add('acme/closed', whole)
    world.hub.fail('/api/models/acme/closed/revision/HEAD', answers(401), 1)
    world.hub.fail('/api/models/acme/closed/revision/main', answers(401), 1)
    await world.refuses([reference], 'source/unauthorized', /refuses access to acme\/closed; set HF_TOKEN to a token from http:/)
  })

  test('rate limited: until when', async () => {
    const reference = world.add('acme/busy', whole)
    world.hub.fail('*', answers(429, { 'retry-after': '3600' }))
    const { details, retryable } = await world.refuses([reference], 'source/rate-limited', /429 .*; wait until \d{4}-\d\d-\d\dT[\d:]+Z/)
    world.hub.heal()
    assert.deepEqual([retryable, details['retryAfterMs']], [true, 3_600_000])
  })

  test('hash mismatch: every time it comes, with what was expected and what came', async () => {
    const reference = world.add('acme/wrong', whole)
    world.hub.fail(world.pathOf('acme/wrong', 'model.safetensors'), corruptsByte(100))
    const { details } = await world.refuses(
      [reference],
      'package/hash-mismatch',
      /model\.safetensors is not what was promised: expected sha256:\w{64}, found sha256:\w{64}; the same bytes came twice/,
    )
    world.hub.heal()
    assert.equal(details['path'], 'model.safetensors')
  })

  test('hash mismatch: bytes that are damaged once are fetched again, and no more than what was compared', async () => {
    const sizeBytes = 20 * MIB
    const data = randomBytes(sizeBytes)
    const file = Buffer.from(writeSafetensors({ tensors: [{ name: 'w', dtype: 'U8', shape: [sizeBytes], data }] }))
    const reference = world.add('acme/large', { 'config.json': config, 'model.safetensors': file })
    const path = world.pathOf('acme/large', 'model.safetensors')
    world.hub.fail(path, corruptsByte(1000), 1)
    await world.ok('model', 'install', reference, '--name', 'large')
    world.hub.heal()
    assert.ok(world.sentBytes(path) <= 2 * file.byteLength, `${world.sentBytes(path)} bytes of ${file.byteLength}`)
    await world.ok('model', 'verify', 'large')
  })

  test('hash mismatch: where the hashes of chunks are known, the bad chunk is named, and it alone is fetched again', async () => {
    const { manifest, path, sizeBytes, chunkBytes } = chunkedArtifact()
    await using registry = await createFaultyServer(manifest)
    const reference = `oci/${new URL(registry.origin).host}/acme/chunked:1.0`
    registry.fail(path, corruptsByte(chunkBytes + 10))
    const { details } = await world.refuses(
      [reference],
      'package/hash-mismatch',
      new RegExp(
        `bytes ${chunkBytes}–${2 * chunkBytes - 1} of model\\.safetensors are not what was promised: expected .*, found .*, 3 times`,
      ),
    )
    assert.equal(details['chunk'], 1)
    registry.heal()
    const before = registry.requests.length
    registry.fail(path, corruptsByte(chunkBytes + 10), 1)
    await world.ok('model', 'install', reference, '--name', 'chunked')
    const sent = registry.requests.slice(before).filter((request) => request.path === path)
    assert.deepEqual(
      sent.map((request) => request.sentBytes),
      [sizeBytes, chunkBytes],
    )
  })

  test('truncated: by a server that says less than the hub promised, or that breaks off', async () => {
    const reference = world.add('acme/short', whole)
    const path = world.pathOf('acme/short', 'model.safetensors')
    world.hub.fail(path, truncatesTo(40))
    await world.refuses(
      [reference],
      'package/size-mismatch',
      new RegExp(`model\\.safetensors has 40 bytes; ${weights.byteLength} were promised`),
    )
    world.hub.heal()
    world.hub.fail(path, cutsAfter(40))
    await world.refuses([reference], 'source/unavailable', /127\.0\.0\.1:\d+.*tried 2 times/)
  })

  test('disk full: what it needs and what is free, before a byte of it is fetched', async () => {
    const sizeBytes = 2 ** 49
    await using server = await createFaultyServer({ '/model.gguf': { body: { block: Buffer.alloc(MIB), sizeBytes } } })
    const reference = `url/${server.origin}/model.gguf`
    const { details } = await world.refuses([reference], 'store/disk-full', /needs \d+ bytes of disk; \d+ are free/)
    assert.ok(Number(details['neededBytes']) >= sizeBytes && Number(details['freeBytes']) < sizeBytes)
    assert.ok(server.requests.every(({ sentBytes }) => sentBytes <= MIB))
  })

  test('revoked: what was disabled at its hub', async () => {
    const reference = world.add('acme/withdrawn', whole, { info: { disabled: true } })
    await world.refuses([reference], 'source/revoked', /acme\/withdrawn was disabled by http:\S+; install another model/)
  })

  test('unsafe pickle: what it would call; --allow-unsafe is a right of its own, and in the audit log', async () => {
    const reference = world.add('acme/evil', { 'config.json': config, 'pytorch_model.bin': evil })
    const { details } = await world.refuses(
      [reference],
      'package/unsafe-pickle',
      /pytorch_model\.bin.*posix\.system \(GLOBAL at byte 2\).*safetensors/s,
    )
    assert.ok(JSON.stringify(details).includes('posix.system'))
    const grants = [
      { resource: 'model/*', rights: ['install', 'list'] },
      { resource: 'source/*', rights: ['read'] },
    ] as const
    const { token } = await world.owner.capability.issue({ grants: grants.map((grant) => ({ ...grant, rights: [...grant.rights] })) })
    const narrow = await connect({ url: world.daemon.url, token })
    await refused(outputOf(narrow.model.install({ reference, allowUnsafe: true })), 'capability/denied', /host\/unsafe-models/)
    await narrow[Symbol.asyncDispose]()
    await world.isEmpty()
    await world.ok('model', 'install', reference, '--allow-unsafe', '--name', 'evil')
    await world.owner.model.remove({ model: 'evil' })
    const { stdout } = await world.run('audit', 'list')
    assert.match(stdout, /model\.install .* \+unsafe-package\/evil/)
    assert.match(stdout, /model\.remove .* -unsafe-package\/evil/)
  })

  test('a licence that the policy refuses is named with the setting', async () => {
    const reference = world.add('acme/nc', { ...whole, 'README.md': '---\nlicense: cc-by-nc-4.0\n---\n# NC\n' })
    await world.set('licencesRefused', ['*-NC-*'])
    await world.refuses([reference], 'package/licence-refused', /CC-BY-NC-4\.0.*install\.licencesRefused/s)
  })

  test('offline: nothing is asked, and how to end it is said', async () => {
    const reference = world.add('acme/far', whole)
    await world.set('offline', true)
    const before = world.hub.requests.length
    await world.refuses([reference], 'source/offline', /offline/)
    assert.equal(world.hub.requests.length, before)
  })

  test('a server that is down is not waited for where there is a mirror; where there is none, it is named', async () => {
    const reference = world.add('acme/mirrored', whole)
    const models = { 'acme/mirrored': { commits: { [COMMIT]: whole }, branches: { main: COMMIT } } }
    await using mirror = await createFaultyServer({ '*': huggingFaceHub(models) })
    world.hub.fail('*', answers(503))
    await world.refuses([reference], 'source/unavailable', /127\.0\.0\.1:\d+ answered 503.*tried 2 times/)
    await world.set('mirrors', [`${world.hub.origin}=${mirror.origin}`])
    await world.ok('model', 'install', reference, '--name', 'mirrored')
    assert.ok(mirror.requests.some(({ path }) => path.endsWith('/model.safetensors')))
  })

  test('signatures: enforced, an unsigned package and one that was changed after signing are refused', async () => {
    const { owner } = world
    await using folder = await temporaryFolder()
    const [archive, unpacked] = [join(folder.path, 'signed.axon'), join(folder.path, 'unpacked')]
    const plain = `file/${await world.lay('plain', whole)}`
    await owner.key.create({ name: 'release' })
    await outputOf(owner.model.install({ reference: plain, name: 'plain' }))
    await owner.model.sign({ model: 'plain', key: 'release' })
    await outputOf(owner.model.pack({ model: 'plain', path: archive }))
    await owner.model.unpack({ path: archive, folder: unpacked })
    await owner.model.remove({ model: 'plain' })
    await world.set('signatures', 'enforce')
    await world.refuses([plain], 'package/unsigned', /is not signed; import and trust the signer’s key \(soma key import\)/)
    await world.ok('model', 'install', unpacked, '--name', 'signed')
    await owner.model.remove({ model: 'signed' })
    await writeFile(join(unpacked, 'config.json'), config.replace('"bert"', '"gpt2"'))
    await world.refuses([unpacked], 'package/bad-signature', /config\.json/)
    await owner.key.trust({ key: 'release', trusted: false })
    await writeFile(join(unpacked, 'config.json'), config)
    await world.refuses([unpacked], 'package/unsigned', /trust/)
  })

  test('redirects without end, or to what is no web address', async () => {
    const reference = world.add('acme/round', whole)
    const path = world.pathOf('acme/round', 'model.safetensors')
    world.hub.fail(path, redirectsTo(path))
    await world.refuses([reference], 'source/unavailable', /redirect/)
    world.hub.heal()
    world.hub.fail(path, redirectsTo('file:///etc/passwd'))
    await world.refuses([reference], 'source/unavailable', /redirect|address/)
  })

  const lies: Readonly<Record<string, readonly [file: string, bytes: () => Uint8Array, message: RegExp]>> = {
    'a safetensors header longer than the file': [
      'model.safetensors',
      () => patched(weights, 0, [0xff, 0xff, 0xff, 0x7f]),
      /model\.safetensors/,
    ],
    'safetensors that are cut off': ['model.safetensors', () => weights.subarray(0, -3), /model\.safetensors/],
    'a GGUF of more tensors than bytes': [
      'model.gguf',
      () => patched(Buffer.from(llamaGguf()), 8, [0xff, 0xff, 0xff, 0xff, 0xff]),
      /model\.gguf/,
    ],
    'a GGUF that is cut off': ['model.gguf', () => Buffer.from(llamaGguf()).subarray(0, -64), /model\.gguf/],
  }
  for (const [what, [file, bytes, message]] of Object.entries(lies))
    test(`${what}: the file, the place and what is wrong`, async () => {
      const reference = world.add('acme/liar', { 'config.json': config, [file]: Buffer.from(bytes()) })
      const { details } = await world.refuses([reference], 'package/invalid-model', message)
      assert.equal(details['path'] ?? details['file'], file, JSON.stringify(details))
    })

  test('ONNX weights outside of the package', async () => {
    for (const outside of ['../secret.bin', '/etc/passwd']) {
      const { model } = externalDataModel(outside, [1, 2])
      const folder = await world.lay('escapes', { 'model.onnx': model })
      await world.refuses([`file/${folder}`], 'package/unsafe-path', /model\.onnx.*(secret|passwd)/)
    }
  })

  test('archives that leave the folder, hold links, or are bombs', async () => {
    const bombs: Readonly<Record<string, Uint8Array>> = {
      'leaves.axon': tarGzOf({ '../../evil.onnx': 'x' }),
      'bomb.tar.gz': tarGzOf({ 'model.onnx': new Uint8Array(64 * MIB) }),
      'bomb.zip': zipOf({ 'model.onnx': new Uint8Array(64 * MIB) }),
      'link.tar': linkTo('/etc/passwd'),
    }
    const folder = await world.lay('archives', bombs)
    await world.refuses([`file/${folder}/leaves.axon`], 'package/unsafe-path', /"\.\.\/\.\.\/evil\.onnx" is refused: it leaves the package/)
    for (const name of ['bomb.tar.gz', 'bomb.zip'])
      await world.refuses([`file/${folder}/${name}`], 'package/archive-refused', /unpacks to more than \d+ bytes, as bombs do/)
    await world.refuses([`file/${folder}/link.tar`], 'package/archive-refused', /link\.tar is refused: it holds a symlink/)
  })

  test('after all of it the log is whole, nothing is listed, and the daemon takes an install', async () => {
    assert.deepEqual((await world.ok('model', 'list'))['models'], [])
    assert.equal((await world.ok('model', 'gc', '--partials'))['freedBytes'], 0)
    await world.ok('audit', 'verify')
    await world.ok('model', 'install', world.add('acme/fine', whole), '--name', 'fine')
    await world.ok('model', 'verify', 'fine')
  })
})

/** An artifact in a registry with one file of three chunks, and their hashes. */
function chunkedArtifact() {
  const [chunkBytes, sizeBytes] = [MIB, 3 * MIB]
  const tensor = (bytes: number) => writeSafetensors({ tensors: [{ name: 'w', dtype: 'U8', shape: [bytes], data: randomBytes(bytes) }] })
  // The header is as long for a number of as many digits.
  const bytes = Buffer.from(tensor(sizeBytes - (tensor(sizeBytes).byteLength - sizeBytes)))
  const digest = `sha256:${sha256(bytes)}`
  const hashes = Array.from({ length: sizeBytes / chunkBytes }, (_, index) =>
    sha256(bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)),
  )
  const named = (path: string) => ({ annotations: { 'org.opencontainers.image.title': path } })
  const chunks = JSON.stringify({ version: 1, files: { [digest]: { sizeBytes: chunkBytes, sha256: hashes } } })
  const layers = [
    { mediaType: 'application/vnd.cncf.model.weight.v1.raw', bytes, ...named('model.safetensors') },
    { mediaType: 'application/vnd.soma.chunks.v1+json', bytes: chunks, ...named('.soma-chunks.json') },
  ]
  return {
    manifest: ociRegistry({ 'acme/chunked': { '1.0': { layers } } }),
    path: `/v2/acme/chunked/blobs/${digest}`,
    sizeBytes,
    chunkBytes,
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function patched(bytes: Uint8Array, at: number, values: readonly number[]): Uint8Array {
  const copy = Buffer.from(bytes)
  copy.set(values, at)
  return copy
}

/** A tar archive of one symbolic link. */
function linkTo(target: string): Uint8Array {
  const archive = Buffer.from(tarOf({ 'model.onnx': '' }))
  archive.write('2', 156)
  archive.write(target, 157)
  archive.write('        ', 148, 'latin1')
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return archive
}

function writeEvilTorch(): Buffer {
  return Buffer.from(
    zipOf({ 'archive/data.pkl': Buffer.from('\x80\x02cposix\nsystem\n(X\x02\x00\x00\x00idtR.', 'latin1'), 'archive/version': '3\n' }),
  )
}
