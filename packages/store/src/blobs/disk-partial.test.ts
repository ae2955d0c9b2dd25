import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import { BLOB_CHUNK_BYTES } from '../limits.ts'
import { startProcess } from '../test-process.ts'
import { TestStore, collectBytes, digestOf } from '../test-store.ts'

const MIB = BLOB_CHUNK_BYTES
const period = Uint8Array.from({ length: 251 }, (_, index) => index)
/** Byte n of every download is n modulo 251. */
const pattern = (begin: number, size: number): Buffer => Buffer.alloc(begin + size, period).subarray(begin)
const files = (test: TestStore): string[] => readdirSync(test.path('partials'))

test('a download interrupted and resumed at any points becomes the blob it would have been', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const piece = fc.record({
    size: fc.oneof(fc.nat(50_000), fc.integer({ min: MIB - 1, max: MIB + 1 })),
    reopen: fc.boolean(),
    hash: fc.boolean(),
  })
  let key = 0
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 6 }), fc.boolean(), async (pieces, sha512) => {
      const name = `download ${key++}`
      const algorithms = sha512 ? (['sha256', 'sha512'] as const) : (['sha1'] as const)
      let partial = await blobs.partial(name, { algorithms })
      let size = 0
      for (const { size: length, reopen, hash: asked } of pieces) {
        assert.equal(partial.sizeBytes, size)
        const chunk = pattern(size, length)
        await partial.append(chunk)
        chunk.fill(0)
        size += length
        if (asked) assert.equal(await partial.digest('sha512'), hash('sha512', pattern(0, size)))
        if (!reopen) continue
        await partial[Symbol.asyncDispose]()
        partial = await blobs.partial(name, { algorithms })
      }
      const whole = pattern(0, size)
      for (const algorithm of ['sha256', 'sha512', 'sha1'] as const) assert.equal(await partial.digest(algorithm), hash(algorithm, whole))
      assert.ok(readFileSync(partial.path).equals(whole))
      const stored = await partial.commit({ expected: { digest: digestOf(whole), sizeBytes: size } })
      assert.deepEqual(stored, { digest: digestOf(whole), sizeBytes: size })
      assert.ok((await collectBytes(blobs.read(stored.digest))).equals(whole))
      assert.equal(statSync(blobs.path(stored.digest)).mode & 0o777, 0o444)
    }),
    { numRuns: 10 },
  )
  assert.deepEqual(files(test), [])
})

test('killed at any moment, a download resumes with a prefix of its bytes and its validator', async () => {
  await using test = await TestStore.create()
  let before = 0
  for (let round = 0; round < 3; round++) {
    test.close()
    await using child = startProcess('append', test.directory)
    await child.said(20 + round * 13)
    await child.kill()
    await test.open()
    await using partial = await test.store.blobs.partial('the download')
    assert.equal(partial.validator, '"v1"')
    assert.ok(partial.sizeBytes > before, `${partial.sizeBytes} bytes after ${before}`)
    // What was said to be appended is there, but for the last megabytes that were still on their way.
    assert.ok(partial.sizeBytes > Number(child.lines.at(-1)?.split(' ')[0]) - 3 * MIB)
    assert.equal(await partial.digest('sha256'), hash('sha256', pattern(0, partial.sizeBytes)))
    before = partial.sizeBytes
  }
})

test('a restart forgets the bytes before it describes the new ones', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  {
    await using partial = await blobs.partial('a')
    assert.equal(partial.validator, undefined)
    await partial.append(pattern(0, 2 * MIB))
    await partial.setValidator('"v1"')
    assert.equal(partial.validator, '"v1"')
  }
  {
    await using partial = await blobs.partial('a')
    assert.deepEqual([partial.sizeBytes, partial.validator], [2 * MIB, '"v1"'])
    await partial.append(pattern(0, 10))
    await partial.restart('"v2"')
    assert.deepEqual([partial.sizeBytes, partial.validator, statSync(partial.path).size], [0, '"v2"', 0])
    await partial.append(pattern(7, 10))
    await partial.restart(undefined)
    await partial.append(pattern(3, 10))
  }
  await using partial = await blobs.partial('a')
  assert.deepEqual([partial.sizeBytes, partial.validator], [10, undefined])
  assert.equal(await partial.digest('sha256'), hash('sha256', pattern(3, 10)))
})

test('a damaged description, or one of another download, starts it over', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  for (const text of ['{"key":"a","valid', '{"key":"b","validator":"x"}', '{"key":"a","validator":7}', 'null', 'x'.repeat(70_000)]) {
    {
      await using partial = await blobs.partial('a')
      await partial.restart('"v1"')
      await partial.append(pattern(0, 100))
    }
    writeFileSync(test.path('partials', `${hash('sha256', 'a')}.json`), text)
    await using partial = await blobs.partial('a')
    assert.deepEqual([partial.sizeBytes, partial.validator], [0, undefined], text.slice(0, 40))
  }
})

test('a download that is not what was promised stays, to be discarded or restarted', async () => {
  await using test = await TestStore.create()
  const partial = await test.store.blobs.partial('a')
  await partial.append(pattern(0, 100))
  await assert.rejects(partial.commit({ expected: { digest: digestOf('other') } }), (error) => isSomaError(error, 'package/hash-mismatch'))
  await assert.rejects(partial.commit({ expected: { sizeBytes: 99 } }), (error) => isSomaError(error, 'package/size-mismatch'))
  assert.equal(partial.sizeBytes, 100)
  await partial.restart(undefined)
  await partial.append(pattern(1, 100))
  using lease = test.store.blobs.lease([])
  const { digest } = await partial.commit({ expected: { digest: digestOf(pattern(1, 100)) }, lease })
  assert.deepEqual((await test.store.blobs.collect({})).blobs, [])
  lease[Symbol.dispose]()
  assert.deepEqual((await test.store.blobs.collect({})).blobs, [digest])
})

test('one key has one holder, and a finished download is not used again', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const partial = await blobs.partial('a')
  await assert.rejects(blobs.partial('a'), /one holder/)
  await partial.discard()
  await partial[Symbol.asyncDispose]()
  await assert.rejects(partial.append(pattern(0, 1)), /not used after/)
  await assert.rejects(partial.restart(undefined), /not used after/)
  await assert.rejects(blobs.partial('k'.repeat(2000)), (error) => isSomaError(error, 'call/too-large'))
  const empty = await blobs.partial('a')
  assert.equal((await empty.commit()).digest, digestOf(''))
})

test('a download whose file was made read-only by a crash in the midst of a commit goes on', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const partial = await blobs.partial('a')
  await partial.append(pattern(0, 10))
  await partial[Symbol.asyncDispose]()
  chmodSync(partial.path, 0o444)
  await using resumed = await blobs.partial('a')
  assert.equal(statSync(resumed.path).mode & 0o777, 0o600)
  await resumed.append(pattern(10, 10))
  assert.equal(await resumed.digest('sha256'), hash('sha256', pattern(0, 20)))
})
