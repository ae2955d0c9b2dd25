import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { type BlobDigest, isSomaError } from '@soma/core'
import fc from 'fast-check'
import type { BlobWriteOptions } from '../index.ts'
import { BLOB_CHUNK_BYTES, COLLECT_PAGE_BLOBS } from '../limits.ts'
import { TestStore, collectBytes, digestOf, flipBitOf } from '../test-store.ts'

const MIB = BLOB_CHUNK_BYTES
/** Bytes that differ by place and by seed. */
function bytes(size: number, seed = 1): Buffer {
  const buffer = Buffer.alloc(
    size,
    Uint8Array.from({ length: 251 }, (_, index) => (index * 31 + seed * 17) % 256),
  )
  for (let index = 0; index < size; index += 1000) buffer[index] = index >> 8
  return buffer
}
const drafts = (test: TestStore): string[] => readdirSync(test.path('tmp'))
const record = (key: string, blobs: readonly BlobDigest[]) => ({ action: 'put', kind: 'test', key, value: {}, blobs }) as const

test('what is written in any pieces is read back whole, under its digest, read-only', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const size = fc.oneof(
    fc.nat(100),
    fc.nat(200_000),
    fc.integer({ min: MIB - 2, max: MIB + 2 }),
    fc.integer({ min: 2 * MIB, max: 3 * MIB }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(size, { maxLength: 5 }), fc.nat(255), async (sizes, seed) => {
      const pieces = sizes.map((length, index) => bytes(length, seed + index))
      const whole = Buffer.concat(pieces)
      // One buffer for all, because a source may reuse its memory once a chunk was taken.
      const shared = Buffer.alloc(Math.max(0, ...sizes))
      const source = async function* () {
        for (const piece of pieces) yield shared.subarray(0, piece.copy(shared))
      }
      const stored = await blobs.write(source(), { expected: { digest: digestOf(whole), sizeBytes: whole.length } })
      assert.deepEqual(stored, { digest: digestOf(whole), sizeBytes: whole.length })
      assert.ok((await collectBytes(blobs.read(stored.digest))).equals(whole))
      assert.equal(statSync(blobs.path(stored.digest)).mode & 0o777, 0o444)
      assert.equal(blobs.sizeBytes(stored.digest), whole.length)
    }),
    { numRuns: 15 },
  )
  assert.deepEqual(drafts(test), [])
})

test('any range of a blob can be read alone', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const whole = bytes(2 * MIB + 77)
  const { digest } = await blobs.write([whole])
  for (const [begin, end] of [
    [0, 10],
    [MIB - 1, MIB + 1],
    [5, 2 * MIB + 77],
    [7, 7],
    [2 * MIB, 9 * MIB],
    [9 * MIB, 10 * MIB],
  ] as const)
    assert.ok((await collectBytes(blobs.read(digest, { begin, end }))).equals(whole.subarray(begin, end)), `${begin}–${end}`)
  for await (const chunk of blobs.read(digest)) {
    assert.equal(chunk.byteLength, MIB)
    break
  }
})

test('bytes other than those promised are refused, and nothing of them is left', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const other = digestOf('other')
  await assert.rejects(
    blobs.write([bytes(9)], { expected: { digest: other } }),
    (error) => isSomaError(error, 'package/hash-mismatch') && error.details['expected'] === other,
  )
  await assert.rejects(blobs.write([bytes(9)], { expected: { sizeBytes: 10 } }), (error) => isSomaError(error, 'package/size-mismatch'))
  let asked = 0
  const endless = (function* () {
    for (;;) yield bytes(100, asked++)
  })()
  await assert.rejects(blobs.write(endless, { expected: { sizeBytes: 1000 } }), (error) => isSomaError(error, 'package/size-mismatch'))
  assert.equal(asked, 11)
  assert.deepEqual(drafts(test), [])
  assert.deepEqual(blobs.usage(), { blobs: 0, sizeBytes: 0 })
})

test('a write that is aborted, or whose source fails, leaves nothing', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const controller = new AbortController()
  const source = async function* (fail: () => void) {
    yield bytes(3 * MIB)
    fail()
    yield bytes(10)
  }
  await assert.rejects(
    blobs.write(
      source(() => controller.abort()),
      { signal: controller.signal },
    ),
    (error) => isSomaError(error, 'call/cancelled'),
  )
  await assert.rejects(
    blobs.write(
      source(() => {
        throw new Error('the network is gone')
      }),
    ),
    /the network is gone/,
  )
  assert.deepEqual(drafts(test), [])
})

test('writing a blob again repairs a damaged one', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const whole = bytes(1000)
  const { digest } = await blobs.write([whole])
  const path = blobs.path(digest)
  rmSync(path)
  writeFileSync(path, flipBitOf(whole, 4711))
  assert.notEqual(await blobs.hash(digest), digest)
  await blobs.write([whole])
  assert.equal(await blobs.hash(digest), digest)
  assert.deepEqual(blobs.usage(), { blobs: 1, sizeBytes: 1000 })
})

test('a flipped bit, a missing file and an abort are told apart when hashing', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const whole = bytes(2 * MIB + 5)
  const { digest } = await blobs.write([whole])
  const seen: number[] = []
  assert.equal(await blobs.hash(digest, { progress: (hashed) => seen.push(hashed) }), digest)
  assert.deepEqual(seen, [MIB, 2 * MIB, 2 * MIB + 5])
  await assert.rejects(blobs.hash(digest, { signal: AbortSignal.abort() }), (error) => isSomaError(error, 'call/cancelled'))
  for (const bit of [0, 8 * MIB + 3, whole.length * 8 - 1]) {
    rmSync(blobs.path(digest))
    writeFileSync(blobs.path(digest), flipBitOf(whole, bit))
    assert.equal(await blobs.hash(digest), digestOf(flipBitOf(whole, bit)))
  }
  assert.equal(await blobs.hash(digestOf('absent')), null)
})

test('what is not there is not found, by name', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const absent = digestOf('absent')
  const notFound = (error: unknown) => isSomaError(error, 'store/not-found') && error.message.includes(absent)
  assert.equal(blobs.has(absent), false)
  assert.throws(() => blobs.sizeBytes(absent), notFound)
  await assert.rejects(collectBytes(blobs.read(absent)), notFound)
  await assert.rejects(blobs.link(absent, test.path('x')), notFound)
  assert.throws(
    () => blobs.path('sha256:../../x' as BlobDigest),
    (error) => isSomaError(error, 'call/invalid-input'),
  )
})

test('a blob is linked out by hardlink, replaces nothing, and is copied to another file system', async (t) => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const whole = bytes(5000)
  const { digest } = await blobs.write([whole])
  const path = test.path('linked')
  assert.equal(await blobs.link(digest, path), 'hardlink')
  assert.equal(statSync(path).ino, statSync(blobs.path(digest)).ino)
  await assert.rejects(blobs.link(digest, path), { code: 'EEXIST' })
  await assert.rejects(blobs.link(digest, test.path('no', 'such', 'folder')), { code: 'ENOENT' })
  if (!existsSync('/dev/shm') || statSync('/dev/shm').dev === statSync(test.directory).dev)
    return t.skip('there is only one file system here')
  const elsewhere = mkdtempSync('/dev/shm/soma-store-')
  try {
    const copy = join(elsewhere, 'copy')
    assert.ok(['reflink', 'copy'].includes(await blobs.link(digest, copy)))
    assert.ok(readFileSync(copy).equals(whole))
    assert.equal(statSync(copy).mode & 0o222, 0)
    await assert.rejects(blobs.link(digest, copy), { code: 'EEXIST' })
    assert.ok(readFileSync(copy).equals(whole))

    writeFileSync(join(elsewhere, 'source'), 'from afar')
    assert.equal((await blobs.adopt(join(elsewhere, 'source'), { move: true })).digest, digestOf('from afar'))
    assert.ok(!existsSync(join(elsewhere, 'source')))
    await assert.rejects(blobs.link(digest, join(elsewhere, 'x'.repeat(300))), { code: 'ENAMETOOLONG' })
  } finally {
    rmSync(elsewhere, { recursive: true })
  }
})

test('adopting copies a file that stays its owner’s, and moves one that is given away', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const folder = mkdtempSync(join(tmpdir(), 'soma-adopt-'))
  try {
    const path = join(folder, 'file')
    writeFileSync(path, 'contents', { mode: 0o644 })
    const stored = await blobs.adopt(path, { expected: { digest: digestOf('contents'), sizeBytes: 8 } })
    assert.ok(['reflink', 'copy'].includes(stored.how))
    assert.deepEqual({ ...stored, how: '' }, { digest: digestOf('contents'), sizeBytes: 8, how: '' })
    writeFileSync(path, 'changed later')
    assert.equal(await blobs.hash(stored.digest), stored.digest)

    const before = statSync(path).ino
    await assert.rejects(blobs.adopt(path, { move: true, expected: { digest: stored.digest } }), (error) =>
      isSomaError(error, 'package/hash-mismatch'),
    )
    assert.equal(readFileSync(path, 'utf8'), 'changed later')
    const moved = await blobs.adopt(path, { move: true })
    assert.equal(moved.digest, digestOf('changed later'))
    assert.ok(!existsSync(path))
    assert.equal(statSync(blobs.path(moved.digest)).ino, before)
    assert.equal(statSync(blobs.path(moved.digest)).mode & 0o777, 0o444)

    writeFileSync(path, 'held twice')
    linkSync(path, join(folder, 'second name'))
    const shared = await blobs.adopt(path, { move: true })
    assert.notEqual(statSync(blobs.path(shared.digest)).ino, statSync(join(folder, 'second name')).ino)
    symlinkSync(join(folder, 'second name'), join(folder, 'symlink'))
    assert.equal((await blobs.adopt(join(folder, 'symlink'), { move: true })).digest, shared.digest)
    assert.deepEqual(readdirSync(folder), ['second name'])

    await assert.rejects(blobs.adopt(join(folder, 'absent')), { code: 'ENOENT' })
    await assert.rejects(blobs.adopt(join(folder, 'absent'), { move: true }), { code: 'ENOENT' })
    assert.deepEqual(drafts(test), [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('collecting removes what nobody references or holds, and nothing else', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const [kept, held, shared, garbage] = (await Promise.all(
    ['kept', 'held', 'shared', 'garbage'].map(async (text) => (await blobs.write([Buffer.from(text)])).digest),
  )) as [BlobDigest, BlobDigest, BlobDigest, BlobDigest]
  test.store.commit({ writes: [record('a', [kept, shared]), record('b', [shared])] })
  mkdirSync(join(blobs.path(kept), '..', 'folder'))
  writeFileSync(join(blobs.path(kept), '..', 'notes.txt'), 'not a blob')
  writeFileSync(test.path('blobs', 'sha256', 'stray'), 'not a folder')
  const lease = blobs.lease([held])
  const again = blobs.lease([held])
  assert.deepEqual(await blobs.collect({ dryRun: true }), { blobs: [garbage], freedBytes: 7, partialBytes: 0 })
  assert.ok(blobs.has(garbage))
  assert.deepEqual(await blobs.collect({}), { blobs: [garbage], freedBytes: 7, partialBytes: 0 })
  lease[Symbol.dispose]()
  lease[Symbol.dispose]()
  assert.deepEqual((await blobs.collect({})).blobs, [])
  again[Symbol.dispose]()
  assert.deepEqual((await blobs.collect({})).blobs, [held])
  test.store.commit({ writes: [{ action: 'delete', kind: 'test', key: 'a' }] })
  assert.deepEqual((await blobs.collect({})).blobs, [kept])
  test.store.commit({ writes: [record('b', [])] })
  assert.deepEqual((await blobs.collect({})).blobs, [shared])
  assert.deepEqual(blobs.usage(), { blobs: 0, sizeBytes: 0 })
  assert.ok(existsSync(join(blobs.path(kept), '..', 'notes.txt')))
})

test('what is there is counted after a restart, and kept count of', async () => {
  await using test = await TestStore.create()
  for (let index = 0; index < 5; index++) await test.store.blobs.write([bytes(100, index)])
  const { blobs } = await test.reopen()
  assert.deepEqual(blobs.usage(), { blobs: 5, sizeBytes: 500 })
  await blobs.write([bytes(100, 0)])
  await blobs.write([bytes(50, 9)])
  assert.deepEqual(blobs.usage(), { blobs: 6, sizeBytes: 550 })
  await blobs.collect({})
  assert.deepEqual(blobs.usage(), { blobs: 0, sizeBytes: 0 })
})

test('adopting by link makes no second copy, and leaves the owner’s name and mode alone', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const cache = test.path('cache')
  mkdirSync(cache)
  writeFileSync(join(cache, 'blob'), 'weights', { mode: 0o640 })
  symlinkSync('blob', join(cache, 'model.gguf'))
  using lease = blobs.lease([])
  const adopted = await blobs.adopt(join(cache, 'model.gguf'), { link: true, lease })
  assert.deepEqual(adopted, { digest: digestOf('weights'), sizeBytes: 7, how: 'hardlink' })
  const [own, theirs] = [statSync(blobs.path(adopted.digest)), statSync(join(cache, 'blob'))]
  assert.deepEqual([own.ino, theirs.mode & 0o777, theirs.nlink], [theirs.ino, 0o640, 2])
  assert.equal((await blobs.adopt(join(cache, 'blob'), { link: true, lease })).how, 'hardlink')
  assert.equal(statSync(join(cache, 'blob')).nlink, 2)
  await assert.rejects(blobs.adopt(join(cache, 'blob'), { link: true, expected: { digest: digestOf('other') } }), (error) =>
    isSomaError(error, 'package/hash-mismatch'),
  )
  lease[Symbol.dispose]()
  await blobs.collect({})
  assert.equal(readFileSync(join(cache, 'blob'), 'utf8'), 'weights')
  const elsewhere = '/dev/shm'
  if (statSync(elsewhere, { throwIfNoEntry: false })?.dev === theirs.dev) return
  const far = join(mkdtempSync(join(elsewhere, 'soma-adopt-')), 'far')
  writeFileSync(far, 'weights')
  assert.ok(['reflink', 'copy'].includes((await blobs.adopt(far, { link: true })).how))
  rmSync(join(far, '..'), { recursive: true })
  assert.deepEqual(drafts(test), [])
})

test('writers and a collector at work on the same blobs: none that was committed or leased is lost', async () => {
  await using test = await TestStore.create()
  const { store } = test
  const contents = Array.from({ length: COLLECT_PAGE_BLOBS + 8 }, (_, index) => bytes(300, index))
  const done = new AbortController()
  let collected = 0
  const collector = async () => {
    while (!done.signal.aborted) collected += (await store.blobs.collect({})).blobs.length
  }
  const download = async (key: string, content: Buffer, options: BlobWriteOptions) => {
    await using partial = await store.blobs.partial(key)
    await partial.setSize(content.length)
    await partial.append(0, Buffer.from(content))
    await partial.settle()
    return await partial.commit(options)
  }
  const writer = async (name: string, step: number) => {
    for (let index = 0; index < contents.length; index += step) {
      const content = contents[index] as Buffer
      // Three ways to keep a blob: a lease given along, one taken when it is there, and a record in the same turn.
      using early = store.blobs.lease([])
      const options = index % 3 === 0 ? { lease: early } : {}
      const { digest } = name === 'c' ? await download(`c${index}`, content, options) : await store.blobs.write([content], options)
      if (index % 3 === 1) early.add(digest)
      if (index % 3 === 2) store.commit({ writes: [record(`${name}${index}`, [digest])] })
      else await new Promise((resolve) => setImmediate(resolve))
      assert.equal(store.blobs.sizeBytes(digest), 300)
      store.commit({ writes: [record(`${name}${index}`, index % 2 ? [digest] : [])] })
    }
  }
  const collecting = collector()
  try {
    await Promise.all([writer('a', 1), writer('b', 1), writer('c', 2)])
  } finally {
    done.abort()
    await collecting
  }
  await store.blobs.collect({})
  assert.ok(collected > 0)
  contents.forEach((content, index) => assert.equal(store.blobs.has(digestOf(content)), index % 2 === 1, `blob ${index}`))
  assert.deepEqual(drafts(test), [])
})

test('downloads that nobody holds or has touched for a week are given up', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const begin = async (key: string) => {
    const partial = await blobs.partial(key)
    await partial.restart('"v"')
    await partial.append(0, bytes(100))
    return partial
  }
  await (await begin('old'))[Symbol.asyncDispose]()
  await (await begin('young'))[Symbol.asyncDispose]()
  const open = await begin('open')
  const now = test.clock.now()
  const day = 24 * 60 * 60 * 1000
  const touched = new Date(now - 2 * day)
  for (const name of readdirSync(test.path('partials'))) utimesSync(test.path('partials', name), touched, touched)
  assert.deepEqual(await blobs.collect({}), { blobs: [], freedBytes: 0, partialBytes: 0 })
  const young = await blobs.partial('young')
  utimesSync(young.path, new Date(now), new Date(now))
  await young[Symbol.asyncDispose]()
  const { freedBytes } = await blobs.collect({ dryRun: true, partialAgeMs: day })
  assert.ok(freedBytes > 100)
  assert.deepEqual(await blobs.collect({ partialAgeMs: day }), { blobs: [], freedBytes, partialBytes: freedBytes })
  for (const [key, sizeBytes] of [
    ['old', 0],
    ['young', 100],
  ] as const) {
    await using partial = await blobs.partial(key)
    assert.equal(partial.receivedBytes, sizeBytes)
  }
  await open.setSize(100)
  assert.deepEqual(await open.settle(), [])
  assert.equal(await open.digest('sha1'), hash('sha1', bytes(100)))
  await open.discard()
})
