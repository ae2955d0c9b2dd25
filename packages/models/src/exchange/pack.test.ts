import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, copyFile, mkdir, readFile, rename, stat, symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { pack as tarPack } from 'tar-stream'
import { parse } from 'yaml'
import { storedGzip } from './stored-gzip.ts'
import { tarStream } from './tar-stream.ts'
import { Machine } from './test-exchange.ts'

const files = { 'docs/LICENSE.txt': 'a b c', 'README.md': '# A model', 'model.echo': '{}' }
const run = promisify(execFile)

describe('model.pack', () => {
  it('writes a gzip tar with the manifest first, every hash in it, and the same bytes each time', async () => {
    await using machine = await Machine.create()
    await machine.install('m', files)
    const { output, events } = await machine.run('model.pack', { model: 'm', path: machine.path('m.axon') })
    await machine.run('model.pack', { model: 'm', path: machine.path('again.axon') })
    const bytes = await readFile(machine.path('m.axon'))
    assert.deepEqual(bytes, await readFile(machine.path('again.axon')))
    assert.deepEqual(output, { path: machine.path('m.axon'), sizeBytes: bytes.byteLength, digest: `sha256:${sha256(bytes)}` })
    assert.deepEqual(events.at(-1)?.writtenBytes, events.at(-1)?.totalBytes)
    assert.deepEqual(await machine.list(), ['again.axon', 'm.axon'])
    const { stdout } = await run('tar', ['-tvzf', machine.path('m.axon'), '--utc', '--numeric-owner'])
    const lines = stdout.trim().split('\n')
    const names = lines.map((line) => line.split(' ').at(-1) ?? '')
    assert.equal(names[0], 'manifest.yaml')
    assert.deepEqual(
      names.slice(1),
      names.slice(1).toSorted((a, b) => (a < b ? -1 : 1)),
    )
    for (const line of lines) assert.match(line, /^-rw-r--r-- 0\/0 .* 1970-01-01 00:00 /)
    const manifest = parse((await run('tar', ['-xOzf', machine.path('m.axon'), 'manifest.yaml'])).stdout)
    const listed = manifest.spec.format.files as Array<{ path: string; size: number; sha256: string }>
    assert.deepEqual(
      listed.map(({ path }) => path),
      names.slice(1),
    )
    for (const { path, size, sha256: digest } of listed) {
      const content = (await run('tar', ['-xOzf', machine.path('m.axon'), path], { encoding: 'buffer' })).stdout
      assert.deepEqual([content.byteLength, sha256(content)], [size, digest], path)
    }
    assert.equal(
      manifest.distribution.package.size,
      listed.reduce((sum, { size }) => sum + size, 0),
    )
    assert.equal(manifest.spec.source.pin, undefined)
  })

  it('gives an archive that installs elsewhere with the same digest, and packs there again', async () => {
    await using machine = await Machine.create()
    await using other = await Machine.create()
    const { model } = await machine.install('m', files)
    await machine.run('model.pack', { model: 'm', path: machine.path('m.axon') })
    const reference = `file/${machine.path('m.axon')}`
    const { output } = await other.run('model.install', { reference, name: 'n' })
    assert.equal(output.model.digest, model.digest)
    assert.equal(output.model.format, model.format)
    await other.run('model.pack', { model: 'n', path: other.path('n.axon') })
    const text = await readFile(other.path('n.axon'), 'latin1')
    assert.ok(!text.includes(machine.directory), 'no path of this machine goes out')
  })

  it('overwrites nothing unless told to, and writes neither into folders that are missing nor into its own data', async () => {
    await using machine = await Machine.create()
    await machine.install('m')
    await writeFile(machine.path('taken'), 'mine')
    const pack = (path: string, replace = false): Promise<unknown> => machine.run('model.pack', { model: 'm', path, replace })
    await assert.rejects(pack(machine.path('taken')), { code: 'file/exists' })
    assert.equal(await readFile(machine.path('taken'), 'utf8'), 'mine')
    await assert.rejects(pack(machine.path()), { code: 'file/exists' })
    await assert.rejects(pack(machine.path(), true), { code: 'file/exists' })
    await assert.rejects(pack(machine.path('no', 'folder')), { code: 'file/unwritable' })
    await assert.rejects(pack('relative.axon'), { code: 'call/invalid-input' })
    await assert.rejects(pack(join(machine.store.directory, 'soma.sqlite'), true), { code: 'file/unwritable' })
    await assert.rejects(pack(join(machine.store.directory, '..m.axon')), { code: 'file/unwritable' })
    await symlink(machine.store.directory, machine.path('link'))
    await assert.rejects(pack(machine.path('link', 'soma.sqlite'), true), { code: 'file/unwritable' })
    await unlink(machine.path('link'))
    await run('mkfifo', [machine.path('pipe')])
    await assert.rejects(pack(machine.path('pipe'), true), { code: 'file/exists', message: /is a device or pipe that exists/ })
    assert.ok((await stat(machine.path('pipe'))).isFIFO())
    await unlink(machine.path('pipe'))
    await pack(machine.path('taken'), true)
    assert.deepEqual(await machine.list(), ['taken'])
    await assert.rejects(machine.run('model.pack', { model: 'none', path: machine.path('x') }), { code: 'model/not-found' })
  })

  it('leaves nothing when a file is damaged or missing, or the call is cancelled', async () => {
    await using machine = await Machine.create()
    await machine.install('m', { 'model.echo': '{"a":1}', 'vocab.txt': randomBytes(100_000).toString('hex') })
    const { files: listed } = await machine.calls.call('model.show', { model: 'm' })
    const path = machine.store.blobs.path(listed.find((file) => file.path === 'vocab.txt')?.digest ?? ('' as never))
    const pack = (signal?: AbortSignal): Promise<unknown> =>
      machine.run('model.pack', { model: 'm', path: machine.path('m.axon') }, signal && { signal })
    const whole = await readFile(path)
    await chmod(path, 0o600)
    await writeFile(path, Buffer.concat([whole.subarray(0, -1), Buffer.from('x')]))
    await assert.rejects(pack(), { code: 'package/corrupt' })
    await writeFile(path, whole.subarray(1))
    await assert.rejects(pack(), { code: 'package/corrupt' })
    await rename(path, `${path}.away`)
    await assert.rejects(pack(), { code: 'package/corrupt' })
    await rename(`${path}.away`, path)
    await writeFile(path, whole)
    await assert.rejects(pack(AbortSignal.abort()), { code: 'call/cancelled' })
    const stream = machine.calls.stream('model.pack', { model: 'm', path: machine.path('m.axon') })
    for await (const _event of stream) break
    await assert.rejects(stream.output, { code: 'call/cancelled' })
    assert.deepEqual(await machine.list(), [])
  })
})

describe('the archive', () => {
  it('is read by gzip and tar whatever the sizes and names of its files are', async () => {
    const path = fc.stringMatching(/^[a-zäß]{1,60}(\/[a-z0-9._-]{1,90}){0,3}$/)
    const content = fc.uint8Array({ maxLength: 70_000 })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(path, content), { selector: ([name]) => name, maxLength: 5 }),
        fc.integer({ min: 1, max: 5000 }),
        async (rows, size) => {
          const entries = rows.map(([name, bytes]) => ({ path: name, sizeBytes: bytes.byteLength, body: () => pieces(bytes, size) }))
          const tar = Buffer.concat(await Array.fromAsync(tarStream(entries)))
          assert.deepEqual(tar, Buffer.concat(await Array.fromAsync(tarStream(entries))))
          const archive = await gzipped(pieces(tar, size))
          assert.deepEqual(archive, await gzipped(pieces(tar, size + 1)))
          assert.deepEqual(gunzipSync(archive), tar)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('of more than a batch of blocks, or of exactly one, is whole', async () => {
    for (const size of [0, 65_535, 65_536, 16 * 65_535, 16 * 65_535 + 1, 5_000_000]) {
      const bytes = randomBytes(size)
      assert.ok(gunzipSync(await gzipped(pieces(bytes, 1_000_003))).equals(bytes), String(size))
    }
  })

  it('ends when its reader leaves, and with what reading a file throws', async () => {
    let open = 0
    const body = async function* (): AsyncGenerator<Uint8Array> {
      open++
      try {
        for (;;) yield new Uint8Array(100_000)
      } finally {
        open--
      }
    }
    for await (const _chunk of tarStream([{ path: 'a', sizeBytes: 1e12, body }])) break
    assert.equal(open, 0)
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10)
      throw new Error('the disk is gone')
    }
    await assert.rejects(Array.fromAsync(tarStream([{ path: 'a', sizeBytes: 20, body: broken }])), /the disk is gone/)
  })
})

describe('model.unpack', () => {
  it('puts an archive’s files into a folder that is new or empty', async () => {
    await using machine = await Machine.create()
    await machine.install('m', files)
    await machine.run('model.pack', { model: 'm', path: machine.path('m.axon') })
    const unpack = async (folder: string) =>
      machine.calls.call('model.unpack', { path: machine.path('m.axon'), folder: machine.path(folder) })
    const output = await unpack('new')
    assert.deepEqual(await machine.list('new'), ['README.md', 'docs', 'docs/LICENSE.txt', 'manifest.yaml', 'model.echo'])
    assert.equal(await readFile(machine.path('new', 'docs', 'LICENSE.txt'), 'utf8'), 'a b c')
    assert.equal(output.files, 4)
    await mkdir(machine.path('empty'))
    assert.equal((await unpack('empty')).sizeBytes, output.sizeBytes)
    await assert.rejects(unpack('new'), { code: 'file/exists' })
    await assert.rejects(unpack('m.axon'), { code: 'file/exists' })
    await assert.rejects(unpack('no/folder'), { code: 'file/unwritable' })
    assert.deepEqual(
      (await machine.list()).filter((path) => path.includes('part')),
      [],
    )
  })

  it('refuses what installing refuses, and leaves nothing', async () => {
    await using machine = await Machine.create()
    const archives: Record<string, Buffer> = {
      'up.tar': await tarOf({ name: '../x' }),
      'root.tar': await tarOf({ name: '/x' }),
      'link.tar': await tarOf({ name: 'x', type: 'symlink', linkname: '/etc/passwd' }),
      'twice.tar': await tarOf({ name: 'x' }, { name: 'X' }),
      'both.tar': await tarOf({ name: 'x' }, { name: 'x/y' }),
      'other.tar': await tarOf({ name: 'x/y' }, { name: 'x' }),
      'cut.tar': (await tarOf({ name: 'x' })).subarray(0, 700),
      'text.zip': Buffer.from('no archive'),
      'x.axon': Buffer.from('no archive'),
    }
    for (const [name, bytes] of Object.entries(archives)) {
      await writeFile(machine.path(name), bytes)
      const unpacked = machine.calls.call('model.unpack', { path: machine.path(name), folder: machine.path('to') })
      await assert.rejects(
        unpacked,
        ({ code }: { code: string }) => ['package/archive-refused', 'package/unsafe-path'].includes(code),
        name,
      )
    }
    assert.deepEqual(await machine.list(), Object.keys(archives).sort())
    const bad = async (path: string, folder = machine.path('to')) => machine.calls.call('model.unpack', { path, folder })
    await assert.rejects(bad(machine.path('none.tar')), { code: 'file/unreadable' })
    await mkdir(machine.path('folder.tar'))
    await assert.rejects(bad(machine.path('folder.tar')), { code: 'file/unreadable' })
    // Opening a pipe waits for a writer, in a thread that others need.
    await run('mkfifo', [machine.path('pipe.tar')])
    await assert.rejects(bad(machine.path('pipe.tar')), { code: 'file/unreadable' })
    await copyFile(machine.path('up.tar'), machine.path('up.bin'))
    await assert.rejects(bad(machine.path('up.bin')), { code: 'package/archive-refused' })
    await assert.rejects(bad('relative.tar'), { code: 'call/invalid-input' })
    await assert.rejects(bad(machine.path('up.tar'), join(machine.store.directory, 'x')), { code: 'file/unwritable' })
    assert.ok((await stat(machine.store.directory)).isDirectory())
  })
})

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function gzipped(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(storedGzip(source), (chunk) => Buffer.from(chunk)))
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

async function tarOf(
  ...entries: ReadonlyArray<{ readonly name: string; readonly type?: 'symlink'; readonly linkname?: string }>
): Promise<Buffer> {
  const archive = tarPack()
  for (const entry of entries) archive.entry({ ...entry }, entry.type ? '' : 'text')
  archive.finalize()
  return Buffer.concat(await Array.fromAsync(archive as AsyncIterable<Uint8Array>))
}
