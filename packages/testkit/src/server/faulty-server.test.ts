import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type FaultyServer,
  answers,
  corruptsByte,
  createFaultyServer,
  cutsAfter,
  drips,
  ignoresRange,
  liesAboutRange,
  misstatesLength,
  redirectsTo,
  resets,
  shiftsRange,
  tarGzOf,
  tarOf,
  truncatesTo,
  zipOf,
} from './index.ts'

const bytes = Uint8Array.from({ length: 1000 }, (_, at) => at % 251)

function serving(): Promise<FaultyServer> {
  return createFaultyServer({
    '/file': { body: bytes, lastModified: 'Wed, 21 Oct 2015 07:28:00 GMT' },
    '/private': { body: 'x', authorization: 'Bearer a' },
  })
}

async function get(server: FaultyServer, path: string, headers: Record<string, string> = {}) {
  const reply = await fetch(server.origin + path, { headers })
  return { status: reply.status, headers: reply.headers, body: new Uint8Array(await reply.arrayBuffer()) }
}

test('ranges are honoured while If-Range names the same bytes, and ignored otherwise', async () => {
  await using server = await serving()
  const whole = await get(server, '/file')
  assert.deepEqual(whole.body, bytes)
  const etag = whole.headers.get('etag') ?? ''
  const rest = await get(server, '/file', { range: 'bytes=600-', 'if-range': etag })
  assert.equal(rest.status, 206)
  assert.equal(rest.headers.get('content-range'), 'bytes 600-999/1000')
  assert.deepEqual(rest.body, bytes.subarray(600))
  assert.equal((await get(server, '/file', { range: 'bytes=600-', 'if-range': '"other"' })).status, 200)
  assert.equal((await get(server, '/file', { range: 'bytes=600-', 'if-range': 'Wed, 21 Oct 2015 07:28:00 GMT' })).status, 206)
  assert.equal((await get(server, '/file', { range: 'bytes=1000-' })).status, 416)
})

test('a fault lasts as many requests as told, and requests and bytes are counted', async () => {
  await using server = await serving()
  server.fail('/file', answers(503, { 'retry-after': '7' }), 1)
  const failed = await get(server, '/file')
  assert.equal(failed.status, 503)
  assert.equal(failed.headers.get('retry-after'), '7')
  assert.equal((await get(server, '/file')).status, 200)
  await server.whenQuiet()
  assert.deepEqual(
    server.requests.map(({ path, status, sentBytes, state }) => ({ path, status, sentBytes, state })),
    [
      { path: '/file', status: 503, sentBytes: 16, state: 'sent' },
      { path: '/file', status: 200, sentBytes: 1000, state: 'sent' },
    ],
  )
})

test('a cut delivers exactly the bytes before it and then breaks', async () => {
  await using server = await serving()
  server.fail('/file', cutsAfter(100))
  const reply = await fetch(`${server.origin}/file`)
  let received = 0
  await assert.rejects(async () => {
    for await (const chunk of reply.body ?? []) received += chunk.byteLength
  })
  assert.equal(received, 100)
})

test('every fault does what its name says', async () => {
  await using server = await serving()
  const once = async (fault: Parameters<FaultyServer['fail']>[1], headers = {}) => {
    server.fail('/file', fault, 1)
    return get(server, '/file', headers)
  }
  assert.equal((await once(ignoresRange, { range: 'bytes=5-' })).status, 200)
  assert.equal((await once(truncatesTo(10))).body.byteLength, 10)
  assert.equal((await once(corruptsByte(3))).body[3], 3 ^ 0xff)
  assert.deepEqual((await once(drips(250, 1))).body, bytes)
  assert.deepEqual((await once(redirectsTo('/file'))).body, bytes)
  const other = await once(shiftsRange(3), { range: 'bytes=5-9' })
  assert.deepEqual([other.status, other.body], [206, bytes.subarray(8, 10)])
  const lie = await once(liesAboutRange(3), { range: 'bytes=5-9' })
  assert.deepEqual([lie.status, lie.body], [206, bytes.subarray(8, 13)])
  const original = Buffer.from([1, 2, 3])
  server.serve({ '/buffer': { body: original } })
  server.fail('/buffer', corruptsByte(1), 1)
  assert.equal((await get(server, '/buffer')).body[1], 2 ^ 0xff)
  assert.deepEqual([...original], [1, 2, 3])
  await assert.rejects(once(resets))
  await assert.rejects(once(misstatesLength(5)))
  assert.equal((await get(server, '/private')).status, 401)
  assert.equal((await get(server, '/private', { authorization: 'Bearer a' })).status, 200)
  assert.equal((await get(server, '/nothing')).status, 404)
})

test('archives are read back by the system’s own tools', async (t) => {
  if (spawnSync('python3', ['--version']).error) return t.skip('needs python3 to read the zip')
  const folder = await mkdtemp(join(tmpdir(), 'soma-archives-'))
  t.after(() => rm(folder, { recursive: true }))
  const files = { 'package/a.txt': 'hello', 'package/b/c.bin': bytes }
  await writeFile(join(folder, 'a.tgz'), tarGzOf(files))
  await writeFile(join(folder, 'a.zip'), zipOf(files))
  execFileSync('tar', ['xzf', 'a.tgz'], { cwd: folder })
  assert.equal(Buffer.from(tarOf(files)).toString('latin1', 257, 265), 'ustar\x0000')
  assert.equal(await readFile(join(folder, 'package/a.txt'), 'utf8'), 'hello')
  const python = 'import zipfile; z=zipfile.ZipFile("a.zip"); assert z.testzip() is None; z.extractall("z")'
  execFileSync('python3', ['-c', python], { cwd: folder })
  assert.deepEqual(new Uint8Array(await readFile(join(folder, 'z/package/b/c.bin'))), bytes)
})
