import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createFaultyServer, hasEtag, redirectsTo } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
import { artifactFileName, artifactKind } from './file-name.ts'
import { createUrlSource } from './index.ts'
import { versionOf } from './resolve.ts'

const signal = new AbortController().signal
const bytes = Buffer.from('the weights of a very small model')
const authorization = `Basic ${btoa('me:hush-hush')}`
const sha256 = createHash('sha256').update(bytes).digest('hex')

/** Credentials are in the user's netrc, so that sources of another process find them; the query's are in the address only. */
async function place(pin: string): Promise<SourceFixture> {
  const home = await mkdtemp(join(tmpdir(), 'soma-source-url-'))
  await writeFile(join(home, '.netrc'), 'machine 127.0.0.1 login me password hush-hush')
  const file = (body: Uint8Array) => ({ '/models/tiny.onnx': { body, authorization } })
  const server = await createFaultyServer(file(bytes))
  return {
    good: `${server.origin}/models/tiny.onnx?token=hush-token&x=1#${pin}`,
    missing: `${server.origin}/models/none.onnx`,
    malformed: ['tiny.onnx', 'ftp://example.org/x', 'file:///etc/passwd', 'https://', 'https://example.org/x#sha256=abc'],
    bytes: () => bytes,
    change: () => server.serve(file(bytes.toReversed())),
    env: { HOME: home },
    server,
    secrets: ['hush-hush', 'hush-token', btoa('me:hush-hush')],
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]()
      await rm(home, { recursive: true })
    },
  }
}

sourceCompliance({ name: 'url (by version)', create: createUrlSource, remote: true, arrange: () => place('') })
sourceCompliance({ name: 'url (by hash)', create: createUrlSource, remote: true, arrange: () => place(`sha256=${sha256}`) })

test('credentials in the address serve its downloads, and are in nothing that is shown', async () => {
  await using server = await createFaultyServer({ '/m.onnx': { body: bytes, authorization } })
  await using one = createTestSource(createUrlSource)
  const resolution = await one.source.resolve(`${server.origin.replace('//', '//me:hush-hush@')}/m.onnx?sig=hush&v=1`, { signal })
  const download = await one.source.download(resolution.artifacts[0]!, { offset: 0, signal })
  assert.deepEqual(await readAll(download), new Uint8Array(bytes))
  assert.doesNotMatch(JSON.stringify([resolution, one.logged]), /hush/)
  assert.match(resolution.reference, /^url\/http:[^#]*\?v=1#version=/)
  await using another = createTestSource(createUrlSource)
  await assert.rejects(another.source.download(resolution.artifacts[0]!, { offset: 0, signal }), failsWith('source/unauthorized'))
})

test('the version is the ETag, else the date, else unversioned', async () => {
  await using server = await createFaultyServer({
    '/etag': { body: bytes, etag: '"v7"' },
    '/date': { body: bytes, etag: 'W/"weak"', lastModified: 'Wed, 21 Oct 2015 07:28:00 GMT' },
    '/none': { body: bytes, etag: null },
    '/empty.bin': { body: '' },
  })
  await using one = createTestSource(createUrlSource)
  const resolve = (path: string) => one.source.resolve(server.origin + path, { signal })
  assert.equal((await resolve('/etag')).version, 'v7')
  assert.equal((await resolve('/date')).version, '2015-10-21T07:28:00.000Z')
  const unversioned = await resolve('/none')
  assert.equal(unversioned.version, 'unversioned')
  assert.equal(unversioned.reference, `url/${server.origin}/none`)
  assert.equal((await resolve('/empty.bin')).artifacts[0]?.sizeBytes, 0)
  assert.equal(versionOf('gestern'), 'gestern')
})

test('without hash and version a download is never continued', async () => {
  await using server = await createFaultyServer({ '/none': { body: bytes, etag: null } })
  await using one = createTestSource(createUrlSource)
  const { artifacts } = await one.source.resolve(`${server.origin}/none`, { signal })
  const download = await one.source.download(artifacts[0]!, { offset: 7, signal })
  assert.equal(download.offset, 0)
  assert.deepEqual(await readAll(download), new Uint8Array(bytes))
})

test('a file that changes between resolve and download is refused', async () => {
  await using server = await createFaultyServer({ '/m': { body: bytes } })
  await using one = createTestSource(createUrlSource)
  const { artifacts } = await one.source.resolve(`${server.origin}/m`, { signal })
  server.fail('/m', hasEtag('"changed"'))
  await assert.rejects(one.source.download(artifacts[0]!, { offset: 0, signal }), failsWith('source/not-found'))
  await server.whenQuiet()
})

test('downloads follow redirects, and the name is that of the first address', async () => {
  await using server = await createFaultyServer({ '/latest.zip': { body: '' }, '/cdn/0a1b': { body: bytes } })
  await using one = createTestSource(createUrlSource)
  server.fail('/latest.zip', redirectsTo('/cdn/0a1b'))
  const { artifacts, suggestedName } = await one.source.resolve(`${server.origin}/latest.zip`, { signal })
  assert.equal(suggestedName, 'latest')
  assert.equal(artifacts[0]?.kind, 'zip')
  assert.deepEqual(await readAll(await one.source.download(artifacts[0], { offset: 0, signal })), new Uint8Array(bytes))
})

test('file names come from the address, or from Content-Disposition when that has no extension', () => {
  const name = (path: string, disposition?: string) =>
    artifactFileName(`https://example.org${path}`, disposition === undefined ? {} : { 'content-disposition': disposition })
  assert.equal(name('/a/b%20c.onnx', 'attachment; filename="other.bin"'), 'b c.onnx')
  assert.equal(name('/download?id=7', 'attachment; filename="m \\"x\\".onnx"'), 'm "x".onnx')
  assert.equal(name('/download', "attachment; filename=a.bin; filename*=UTF-8''gr%C3%BCn.onnx"), 'grün.onnx')
  assert.equal(name('/download', 'attachment; filename=plain.onnx'), 'plain.onnx')
  assert.equal(name('/download', 'attachment; filename="../../etc/passwd"'), 'passwd')
  assert.equal(name('/a/..%2f..%2fetc%2fpasswd'), 'passwd')
  assert.equal(name('/a%00b.onnx'), 'ab.onnx')
  assert.equal(name('/'), 'download')
  assert.equal(name('/..%2F', 'attachment; filename=..'), 'download')
  assert.equal(name('/%E0%A4%A.onnx'), '%E0%A4%A.onnx')
  assert.equal(name(`/${'x'.repeat(300)}.onnx`), 'download')
})

test('an archive is told by extension, and by content type only without one', () => {
  assert.equal(artifactKind('a.TGZ', undefined), 'tar.gz')
  assert.equal(artifactKind('a.axon', undefined), 'tar.gz')
  assert.equal(artifactKind('weights.bin', 'application/gzip'), 'file')
  assert.equal(artifactKind('download', 'application/zip; charset=binary'), 'zip')
  assert.equal(artifactKind('download', 'application/octet-stream'), 'file')
})
