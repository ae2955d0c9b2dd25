import assert from 'node:assert/strict'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createSeededRng, isSomaError, silentLog } from '@soma/core'
import { systemClock } from '@soma/host'
import { type Store, openStore } from '@soma/store'
import { tarGzOf, tarOf, zipOf } from '@soma/testkit/server'
import fc from 'fast-check'
import { type Header, pack } from 'tar-stream'
import type { Archive } from './entry.ts'
import { extractArchive } from './extract.ts'

let folder = ''
let store: Store
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'soma-extract-'))
  store = await openStore({ clock: systemClock, rng: createSeededRng(1), log: silentLog }, { directory: join(folder, 'store') })
})
after(async () => {
  store[Symbol.dispose]()
  await rm(folder, { recursive: true })
})

interface Options {
  readonly stripComponents?: number
  readonly wanted?: (path: string) => boolean
  readonly signal?: AbortSignal
}

async function unpack(kind: Archive['kind'], bytes: Uint8Array, options: Options = {}): Promise<Record<string, string>> {
  const path = join(folder, 'archive')
  await writeFile(path, bytes)
  const { stripComponents = 0, wanted = () => true, signal = new AbortController().signal } = options
  using lease = store.blobs.lease([])
  const files: Record<string, string> = {}
  await extractArchive(
    { path, kind, name: 'archive', stripComponents },
    { blobs: store.blobs, lease, signal, wanted, onFile: (name, { digest }) => void (files[name] = digest) },
  )
  for (const [name, digest] of Object.entries(files))
    files[name] = Buffer.concat(await Array.fromAsync(store.blobs.read(digest as never))).toString()
  return files
}

/** A tar with any headers, by the library's writer. */
async function tarWith(
  ...entries: ReadonlyArray<Partial<Header> & { readonly name: string; readonly content?: string; readonly pax?: Record<string, string> }>
): Promise<Buffer> {
  const writer = pack()
  for (const { content = '', ...header } of entries) writer.entry(header, content)
  writer.finalize()
  return Buffer.concat(await Array.fromAsync(writer as AsyncIterable<Buffer>))
}

async function refusal(
  kind: Archive['kind'],
  bytes: Uint8Array,
  options: Options = {},
): Promise<{ code: string; message: string; details: Record<string, unknown> }> {
  const files = await unpack(kind, bytes, options).catch((error: unknown) => error)
  if (isSomaError(files)) return files
  throw assert.fail(`it was unpacked: ${String(files)}`)
}

const some = { 'top/a.txt': 'aaa', 'top/deep/er/b.bin': 'bb', 'c.txt': '' }

describe('extraction', () => {
  it('gives the same files from tar, tar.gz and zip', async () => {
    for (const [kind, bytes] of [
      ['tar', tarOf(some)],
      ['tar.gz', tarGzOf(some)],
      ['zip', zipOf(some)],
    ] as const) {
      assert.deepEqual(await unpack(kind, bytes), some)
      assert.deepEqual(await unpack(kind, bytes, { stripComponents: 1 }), { 'a.txt': 'aaa', 'deep/er/b.bin': 'bb' })
      assert.deepEqual(await unpack(kind, bytes, { wanted: (path) => path.endsWith('.bin') }), { 'top/deep/er/b.bin': 'bb' })
    }
  })

  it('reads folders, long names, ./ in front, and concatenated gzip members', async () => {
    const long = `${'n'.repeat(90)}/${'o'.repeat(90)}/é.txt`
    const tar = await tarWith(
      { name: './', type: 'directory' },
      { name: './a/', type: 'directory' },
      { name: './a/x.txt', content: 'x' },
      { name: long, content: 'long' },
    )
    assert.deepEqual(await unpack('tar', tar), { 'a/x.txt': 'x', [long]: 'long' })
    assert.deepEqual(await unpack('tar.gz', Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))])), {
      'a/x.txt': 'x',
      [long]: 'long',
    })
  })

  it('refuses paths that leave the package, even of files that nobody wants', async () => {
    for (const name of ['../x', 'a/../../x', '/etc/passwd', 'C:/x']) {
      assert.equal((await refusal('tar', tarOf({ [name]: 'x' }), { wanted: () => false })).code, 'package/unsafe-path')
      const zip = await refusal('zip', zipOf({ [name]: 'x' }), { wanted: () => false })
      assert.ok(zip.code === 'package/unsafe-path' || zip.code === 'package/archive-refused')
    }
    assert.equal((await refusal('tar', tarOf({ 'a\\b': 'x' }))).code, 'package/unsafe-path')
    await refusal('zip', zipOf({ 'a\\..\\b': 'x' }))
  })

  it('refuses links, devices and what else is no file, naming the entry', async () => {
    for (const type of ['symlink', 'link', 'character-device', 'block-device', 'fifo'] as const) {
      const { code, details } = await refusal('tar', await tarWith({ name: 'evil', type, linkname: '/etc/passwd' }))
      assert.deepEqual([code, details['entry']], ['package/archive-refused', 'evil'])
    }
    const zip = Buffer.from(zipOf({ link: '/etc/passwd' }))
    const central = zip.indexOf('PK\x01\x02')
    zip.writeUInt32LE(0o120777 * 65536, central + 38)
    assert.match((await refusal('zip', zip)).message, /link or device/)
  })

  it('refuses a sparse file, whose bytes are not what they seem', async () => {
    const header = Buffer.from('22 GNU.sparse.major=1\n')
    const block = await tarWith({ name: 'PaxHeader', content: header.toString() })
    block[156] = 'x'.charCodeAt(0)
    let sum = 8 * 32
    for (const [index, byte] of block.subarray(0, 512).entries()) if (index < 148 || index >= 156) sum += byte
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    const bytes = Buffer.concat([block.subarray(0, 1024), await tarWith({ name: 'model.onnx', content: 'x' })])
    assert.match((await refusal('tar', bytes)).message, /sparse/)
  })

  it('refuses names that stand there twice, or differ by case alone', async () => {
    assert.equal((await refusal('tar', await tarWith({ name: 'a', content: '1' }, { name: './a', content: '2' }))).details['entry'], 'a')
    assert.equal((await refusal('zip', zipOf({ 'Model.onnx': '1', 'model.onnx': '2' }))).code, 'package/archive-refused')
    assert.equal((await refusal('zip', zipOf({ 'model.onnx': '1', 'Model.onnx': '2' }))).code, 'package/archive-refused')
    assert.deepEqual(await unpack('zip', zipOf({ 'README.md': '1', 'Readme.md': '2', x: '3' }), { wanted: (path) => path === 'x' }), {
      x: '3',
    })
  })

  it('stops a bomb before it has filled the disk', async () => {
    const zeros = Buffer.alloc(20 * 1024 * 1024)
    for (const [kind, bytes] of [
      ['tar.gz', tarGzOf({ zeros })],
      ['zip', zipOf({ zeros })],
    ] as const) {
      const { code, message } = await refusal(kind, bytes)
      assert.equal(code, 'package/archive-refused')
      assert.match(message, /bombs/)
      // Of tar also when it is not wanted, because its bytes are unpacked to be skipped.
      if (kind === 'tar.gz') await refusal(kind, bytes, { wanted: () => false })
    }
    assert.equal(store.blobs.usage().blobs < 10, true)
  })

  it('refuses a zip whose directory lies about sizes or checksums', async () => {
    const honest = Buffer.from(zipOf({ a: 'some text that is compressed' }))
    const central = honest.indexOf('PK\x01\x02')
    for (const field of [16, 24]) {
      const lying = Buffer.from(honest)
      lying.writeUInt32LE((lying.readUInt32LE(central + field) ^ 1) >>> 0, central + field)
      const { code } = await refusal('zip', lying)
      assert.ok(code === 'package/archive-refused' || code === 'package/size-mismatch', code)
    }
    const encrypted = Buffer.from(honest)
    encrypted.writeUInt16LE(encrypted.readUInt16LE(central + 8) | 1, central + 8)
    assert.match((await refusal('zip', encrypted)).message, /encrypted/)
  })

  it('refuses an archive that is cut anywhere, or is none', async () => {
    for (const [kind, whole] of [
      ['tar', tarOf(some)],
      ['tar.gz', tarGzOf(some)],
      ['zip', zipOf(some)],
    ] as const) {
      const end = kind === 'tar' ? whole.byteLength - 1024 : whole.byteLength - 1
      for (const bytes of [0, 1, 100, 512, 1024, Math.floor(end / 2), end])
        assert.match((await refusal(kind, whole.subarray(0, Math.min(bytes, end)))).code, /^package\/(archive-refused|size-mismatch)$/)
      assert.equal((await refusal(kind, Buffer.from('this is a text and no archive'.repeat(100)))).code, 'package/archive-refused')
    }
  })

  it('ends with files or a typed error, whatever is changed in an archive', async () => {
    const archives = [
      ['tar', tarOf(some)],
      ['tar.gz', tarGzOf(some)],
      ['zip', zipOf(some)],
    ] as const
    const change = fc.tuple(fc.nat(10_000), fc.nat(255))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...archives), fc.array(change, { minLength: 1, maxLength: 4 }), async ([kind, whole], changes) => {
        const bytes = Buffer.from(whole)
        for (const [at, byte] of changes) bytes[at % bytes.byteLength] = byte
        await unpack(kind, bytes).catch((error: unknown) =>
          assert.ok(isSomaError(error) && error.code.startsWith('package/'), String(error)),
        )
      }),
      { numRuns: 80 },
    )
  })

  it('stops when it is aborted', async () => {
    const abort = new AbortController()
    const wanted = (): boolean => {
      abort.abort()
      return true
    }
    for (const [kind, bytes] of [
      ['tar', tarOf(some)],
      ['zip', zipOf(some)],
    ] as const)
      assert.equal((await refusal(kind, bytes, { signal: abort.signal, wanted })).code, 'call/cancelled')
    assert.ok((await stat(folder)).isDirectory())
  })
})
