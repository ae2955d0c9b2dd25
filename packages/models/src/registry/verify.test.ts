import assert from 'node:assert/strict'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { BlobDigest } from '@soma/core'
import { SomaError } from '@soma/core'
import { tarOf } from '@soma/testkit/server'
import { TestInstall, codeOf } from '../install/test-install.ts'
import { HashPool } from './hash-pool.ts'
import { HASH_THREADS_BYTES_MIN } from './limits.ts'

async function withModels(...names: string[]): Promise<TestInstall> {
  const test = await TestInstall.create()
  for (const name of names) {
    test.source.serve(name, { 'm.echo': `weights of ${name}`, 'shared.txt': 'the same in all' })
    await test.install(`test/${name}`)
  }
  await test.idle()
  return test
}

function digestOf(test: TestInstall, name: string, path: string): BlobDigest {
  const file = test.registry.get(name).files.find((one) => one.path === path)
  assert.ok(file)
  return file.digest
}

/** Flips one bit of a blob. */
async function damage(test: TestInstall, digest: BlobDigest): Promise<void> {
  const path = test.store.blobs.path(digest)
  const bytes = await readFile(path)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await chmod(path, 0o600)
  await writeFile(path, bytes)
}

async function repair(test: TestInstall, model?: string, allows: (resource: string) => boolean = () => true) {
  const { output } = await test.call('model.verify', { repair: true, ...(model !== undefined && { model }) }, { allows })
  return {
    ok: output.ok,
    files: output.models.flatMap(({ name, files }) =>
      files.filter(({ status }) => status !== 'ok').map(({ path, status }) => `${name} ${path} ${status}`),
    ),
    errors: output.models.map(({ repairError }) => repairError),
  }
}

/** The version is asked for, and then what the reference means now. */
function twice(message: string): SomaError[] {
  return [new SomaError('source/revoked', message), new SomaError('source/revoked', message)]
}

describe('model.verify with repair', () => {
  it('fetches again what is damaged and missing, and nothing else', async () => {
    await using test = await withModels('a', 'b')
    await damage(test, digestOf(test, 'a', 'm.echo'))
    await rm(test.store.blobs.path(digestOf(test, 'a', 'shared.txt')))
    const before = test.source.requests.length
    assert.deepEqual(await repair(test), {
      ok: true,
      files: ['a m.echo repaired', 'a shared.txt repaired', 'b shared.txt repaired'],
      errors: [null, null],
    })
    assert.deepEqual(
      test.source.requests.slice(before).map(({ key }) => key),
      ['a!m.echo', 'a!shared.txt'],
    )
    assert.equal((await test.call('model.verify', {})).output.ok, true)
    assert.deepEqual(
      test.emitted.filter(({ name }) => name === 'model.repaired').map(({ resource }) => resource),
      ['model/a', 'model/b'],
    )
  })

  it('writes and fetches nothing when all is well', async () => {
    await using test = await withModels('a')
    const path = test.store.blobs.path(digestOf(test, 'a', 'm.echo'))
    const [before, requests, events] = [await stat(path), test.source.requests.length, test.emitted.length]
    assert.deepEqual(await repair(test), { ok: true, files: [], errors: [null] })
    const after = await stat(path)
    assert.deepEqual([after.ino, after.mtimeMs], [before.ino, before.mtimeMs])
    assert.deepEqual([test.source.requests.length, test.emitted.length], [requests, events])
  })

  it('keeps the damaged file when the source has another one now, and says so', async () => {
    await using test = await withModels('a')
    const digest = digestOf(test, 'a', 'm.echo')
    await damage(test, digest)
    test.source.serve('a', { 'm.echo': 'changed at its source', 'shared.txt': 'the same in all' })
    const { ok, files, errors } = await repair(test)
    assert.deepEqual([ok, files], [false, ['a m.echo corrupt']])
    assert.match(errors[0] ?? '', /other files there now: m\.echo/)
    await test.idle()
    assert.equal((await test.leftovers()).blobs, 2)
    assert.ok((await stat(test.store.blobs.path(digest))).size > 0)
  })

  it('says why when the source no longer has the version, and mends the other models', async () => {
    await using test = await withModels('a', 'b')
    await damage(test, digestOf(test, 'a', 'm.echo'))
    await damage(test, digestOf(test, 'b', 'm.echo'))
    test.source.resolveFaults.push(...twice('a was taken back'))
    assert.deepEqual(await repair(test), {
      ok: false,
      files: ['a m.echo corrupt', 'b m.echo repaired'],
      errors: ['a was taken back', null],
    })
  })

  it('takes the file from the present version when that of the model is gone and has the same', async () => {
    await using test = await withModels('a')
    await damage(test, digestOf(test, 'a', 'shared.txt'))
    test.source.serve('a', { 'm.echo': 'newer', 'shared.txt': 'the same in all' }, { version: '2', reference: 'test/a@2' })
    test.source.resolveFaults.push(new SomaError('source/not-found', 'version 1 is gone'))
    assert.deepEqual((await repair(test)).files, ['a shared.txt repaired'])
    assert.equal(test.registry.get('a').version, '1.0.0')
  })

  it('mends what can be had of a model when one file cannot', async () => {
    await using test = await withModels('a')
    await damage(test, digestOf(test, 'a', 'm.echo'))
    await damage(test, digestOf(test, 'a', 'shared.txt'))
    const gone = { error: new SomaError('source/not-found', 'no such file') }
    test.source.fail('a!m.echo', gone, gone)
    assert.deepEqual(await repair(test), {
      ok: false,
      files: ['a m.echo corrupt', 'a shared.txt repaired'],
      errors: ['no such file'],
    })
    assert.deepEqual((await repair(test)).files, ['a m.echo repaired'])
  })

  it('unpacks the archive again that a damaged file came in', async () => {
    await using test = await TestInstall.create()
    test.source.serve('a', { 'a.tar': { bytes: tarOf({ 'm.echo': 'weights', 'words.txt': 'words' }), kind: 'tar' } })
    await test.install('test/a')
    await damage(test, digestOf(test, 'a', 'words.txt'))
    assert.deepEqual(await repair(test), { ok: true, files: ['a words.txt repaired'], errors: [null] })
    await test.idle()
    assert.deepEqual([(await test.leftovers()).blobs, (await test.leftovers()).partials], [2, 0])
  })

  it('unloads a model that was repaired, so that its engine reads the sound files', async () => {
    await using test = await withModels('a')
    test.running.loaded.add('a')
    await damage(test, digestOf(test, 'a', 'm.echo'))
    await repair(test)
    await test.idle()
    assert.deepEqual(test.running.unloaded, ['a'])
  })

  it('follows no reference that the caller may not follow', async () => {
    await using test = await withModels('a')
    await damage(test, digestOf(test, 'a', 'm.echo'))
    const { ok, errors } = await repair(test, 'a', (resource) => resource !== 'source/test')
    assert.equal(ok, false)
    assert.match(errors[0] ?? '', /may not read source\/test/)
  })

  it('lets nobody use a damaged file until it is whole', async () => {
    await using test = await withModels('a')
    await damage(test, digestOf(test, 'a', 'm.echo'))
    test.source.resolveFaults.push(...twice('taken back'))
    const model = test.registry.get('a')
    await repair(test)
    assert.equal(await codeOf(test.registry.open(model)), 'package/corrupt')
    assert.equal((await repair(test)).ok, true)
    await (await test.registry.open(model))[Symbol.asyncDispose]()
  })
})

describe('hashing in threads', () => {
  it('gives the digests that the store gives, and null for a file that is not there', async () => {
    await using test = await withModels('a')
    await using pool = new HashPool()
    const options = { signal: new AbortController().signal, progress: () => undefined }
    const { blobs } = test.store
    const files = test.registry.get('a').files.map(({ digest }) => digest)
    assert.deepEqual(await Promise.all(files.map((digest) => pool.hash(blobs.path(digest), options))), files)
    assert.equal(await pool.hash('/none', options), null)
    assert.equal(await codeOf(pool.hash('/', options)), 'file/unreadable')
  })

  it('says how far it is, and ends when it is cancelled', async () => {
    await using test = await TestInstall.create()
    const bytes = new Uint8Array(HASH_THREADS_BYTES_MIN * 2)
    const localPath = join(test.directory, 'big')
    await writeFile(localPath, bytes)
    test.source.serve('big', { 'm.echo': { bytes, localPath } })
    await test.install('test/big')
    const { events, output } = await test.call('model.verify', {})
    assert.equal(output.ok, true)
    assert.equal(events.at(-1)?.hashedBytes, HASH_THREADS_BYTES_MIN * 2)
    await using pool = new HashPool()
    const abort = new AbortController()
    const hashing = pool.hash(test.store.blobs.path(digestOf(test, 'big', 'm.echo')), {
      signal: abort.signal,
      progress: () => abort.abort(new SomaError('call/cancelled', 'enough')),
    })
    assert.equal(await codeOf(hashing), 'call/cancelled')
  })
})
