import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { chmodSync, closeSync, openSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import test from 'node:test'
import { isSomaError } from '@soma/core'
import fc from 'fast-check'
import type { Partial } from '../index.ts'
import { startProcess } from '../test-process.ts'
import { TestStore, collectBytes, digestOf, flipBitOf } from '../test-store.ts'

const CHUNK = 4096
const period = Uint8Array.from({ length: 251 }, (_, index) => index)
/** Byte n of every download is n modulo 251. */
const pattern = (begin: number, size: number): Buffer => Buffer.from(Buffer.alloc(begin + size, period).subarray(begin))
const files = (test: TestStore): string[] => readdirSync(test.path('partials'))
const begin = (test: TestStore, key = 'a'): Promise<Partial> => test.store.blobs.partial(key, { chunkBytes: CHUNK })

/** Fills a chunk from where it is, in pieces. */
async function fill(partial: Partial, chunk: number, pieceBytes = 1000): Promise<void> {
  const end = Math.min(CHUNK, (partial.sizeBytes ?? Infinity) - chunk * CHUNK)
  for (let at = partial.filled(chunk); at < end; at = partial.filled(chunk))
    await partial.append(chunk, pattern(chunk * CHUNK + at, Math.min(pieceBytes, end - at)))
}

/** Fills what is missing until the disk gives everything back as it came. @returns the chunks that it did not. */
async function complete(partial: Partial): Promise<number[]> {
  const damaged: number[] = []
  for (;;) {
    for (let chunk = partial.firstMissing(); chunk < partial.chunkCount; chunk = partial.firstMissing(chunk)) await fill(partial, chunk)
    const found = await partial.settle()
    if (found.length === 0) return damaged
    damaged.push(...found)
  }
}

test('chunks that come in any order, together, with interruptions, become the blob that they would have been in one', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  let key = 0
  const scenario = fc.record({
    size: fc.oneof(fc.nat(3), fc.nat(30 * CHUNK), fc.constant(8 * CHUNK)),
    order: fc.infiniteStream(fc.nat()),
    reopenAt: fc.option(fc.nat(30)),
    together: fc.integer({ min: 1, max: 5 }),
    sha512: fc.boolean(),
    sizeKnown: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(scenario, async ({ size, order, reopenAt, together, sha512, sizeKnown }) => {
      const name = `download ${key++}`
      const options = { algorithms: sha512 ? (['sha256', 'sha512'] as const) : (['sha256'] as const), chunkBytes: CHUNK }
      let partial = await blobs.partial(name, options)
      await partial.restart('"v1"')
      if (sizeKnown) await partial.setSize(size)
      const count = Math.ceil(size / CHUNK)
      const chunks = Array.from({ length: count }, (_, chunk) => chunk)
      if (sizeKnown) for (const chunk of chunks) chunks.splice(order.next().value % count, 0, ...chunks.splice(chunk, 1))
      const piece = async (chunk: number): Promise<void> => {
        const at = partial.filled(chunk)
        const length = Math.min(1 + (order.next().value % CHUNK), CHUNK - at, size - chunk * CHUNK - at)
        await partial.append(chunk, pattern(chunk * CHUNK + at, length))
      }
      const left = (chunk: number): boolean => partial.filled(chunk) < Math.min(CHUNK, size - chunk * CHUNK)
      for (let step = 0; chunks.some(left); step++) {
        await Promise.all(chunks.filter(left).slice(0, together).map(piece))
        if (step !== reopenAt) continue
        const { receivedBytes } = partial
        await partial[Symbol.asyncDispose]()
        partial = await blobs.partial(name, options)
        if (sizeKnown) await partial.setSize(size)
        assert.equal(partial.receivedBytes, receivedBytes)
      }
      assert.equal(partial.receivedBytes, size)
      await partial.setSize(size)
      assert.deepEqual(await partial.settle(), [])
      assert.equal(partial.missingChunks, 0)
      const whole = pattern(0, size)
      for (const algorithm of ['sha256', 'sha512', 'sha1'] as const) assert.equal(await partial.digest(algorithm), hash(algorithm, whole))
      const stored = await partial.commit({ expected: { digest: digestOf(whole), sizeBytes: size } })
      assert.deepEqual(stored, { digest: digestOf(whole), sizeBytes: size })
      assert.ok((await collectBytes(blobs.read(stored.digest))).equals(whole))
      assert.equal(statSync(blobs.path(stored.digest)).mode & 0o777, 0o444)
    }),
    { numRuns: 40 },
  )
  assert.deepEqual(files(test), [])
})

test('killed at any moment, a download has all but the chunks that were on their way', async () => {
  await using test = await TestStore.create()
  const chunkBytes = 256 * 1024
  let before = 0
  for (let round = 0; round < 3; round++) {
    test.close()
    await using child = startProcess('append', test.directory)
    await child.said(10 + round * 7)
    await child.kill()
    await test.open()
    await using partial = await test.store.blobs.partial('the download', { chunkBytes })
    assert.equal(partial.validator, '"v1"')
    assert.ok(partial.receivedBytes > before, `${partial.receivedBytes} bytes after ${before}`)
    assert.ok(partial.receivedBytes >= Number(child.lines.at(-1)?.split(' ')[0]))
    before = partial.receivedBytes
    await partial.setSize(partial.firstMissing() * chunkBytes)
    assert.deepEqual(await partial.settle(), [])
    assert.equal(await partial.digest('sha256'), hash('sha256', pattern(0, partial.sizeBytes ?? 0)))
  }
})

test('a journal torn or damaged at any byte costs chunks, never right bytes', async () => {
  await using test = await TestStore.create()
  const size = 6 * CHUNK + 100
  const journalPath = test.path('partials', `${hash('sha256', 'a')}.journal`)
  const damage = fc.oneof(
    fc.record({ cutAt: fc.nat(400) }),
    fc.record({ flip: fc.nat(400 * 8) }),
    fc.record({ insert: fc.string(), at: fc.nat(400) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([0, 1, 2, 3, 4, 5, 6]), damage, async (chunks, what) => {
      {
        await using partial = await begin(test)
        await partial.restart('"v1"')
        await partial.setSize(size)
        for (const chunk of chunks) await fill(partial, chunk)
      }
      if (chunks.length > 0) {
        const journal = readFileSync(journalPath)
        if ('cutAt' in what) truncateSync(journalPath, Math.min(what.cutAt, journal.length))
        else if ('flip' in what) writeFileSync(journalPath, flipBitOf(journal, what.flip))
        else writeFileSync(journalPath, Buffer.concat([journal.subarray(0, what.at), Buffer.from(what.insert), journal.subarray(what.at)]))
      }
      const partial = await begin(test)
      await partial.setSize(size)
      await complete(partial)
      assert.equal(await partial.digest('sha256'), hash('sha256', pattern(0, size)))
      await partial.discard()
    }),
    { numRuns: 60 },
  )
})

test('chunks that the disk damaged are named, forgotten, and only they are needed again', async () => {
  await using test = await TestStore.create()
  const size = 140 * CHUNK
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.nat(139), { minLength: 1, maxLength: 4 }), fc.boolean(), async (bad, reopen) => {
      let partial = await begin(test)
      await partial.setSize(size)
      for (let chunk = 0; chunk < 140; chunk++) await fill(partial, chunk, CHUNK)
      // It reads what it has as soon as it is open, so that the damage is done before.
      if (reopen) await partial[Symbol.asyncDispose]()
      else assert.deepEqual(await partial.settle(), [])
      const descriptor = openSync(partial.path, 'r+')
      for (const chunk of bad) writeSync(descriptor, Buffer.from([255, 255, 255]), 0, 3, chunk * CHUNK + 77)
      closeSync(descriptor)
      if (reopen) {
        partial = await begin(test)
        await partial.setSize(size)
      } else for (const chunk of bad) partial.forget(chunk)
      const damaged = await complete(partial)
      if (reopen) assert.deepEqual(new Set(damaged), new Set(bad))
      assert.equal(await partial.digest('sha256'), hash('sha256', pattern(0, size)))
      await partial.discard()
    }),
    { numRuns: 12 },
  )
})

test('a chunk that is forgotten is hashed anew, with all that follows it', async () => {
  await using test = await TestStore.create()
  const partial = await begin(test)
  await partial.setSize(3 * CHUNK)
  for (const chunk of [0, 1, 2]) await fill(partial, chunk)
  await partial.settle()
  const checksum = partial.checksum(1)
  assert.equal(await partial.chunkDigest(1), hash('sha256', pattern(CHUNK, CHUNK)))
  assert.equal(partial.forget(1), checksum)
  assert.deepEqual([partial.checksum(1), partial.firstMissing(), partial.missingChunks], [undefined, 1, 1])
  await partial.append(1, Buffer.alloc(CHUNK, 'other'))
  await partial.settle()
  assert.notEqual(partial.checksum(1), checksum)
  const whole = Buffer.concat([pattern(0, CHUNK), Buffer.alloc(CHUNK, 'other'), pattern(2 * CHUNK, CHUNK)])
  assert.equal((await partial.commit()).digest, digestOf(whole))
})

test('a restart forgets the bytes before it describes the new ones', async () => {
  await using test = await TestStore.create()
  {
    await using partial = await begin(test)
    assert.equal(partial.validator, undefined)
    await partial.restart('"v1"')
    await fill(partial, 0)
    await partial.append(1, pattern(0, 10))
    assert.equal(partial.validator, '"v1"')
  }
  {
    await using partial = await begin(test)
    assert.deepEqual([partial.receivedBytes, partial.validator], [CHUNK + 10, '"v1"'])
    await partial.append(1, pattern(0, 10))
    await partial.restart('"v2"')
    assert.deepEqual([partial.receivedBytes, partial.validator, statSync(partial.path).size], [0, '"v2"', 0])
    await partial.append(0, pattern(7, 10))
    await partial.restart(undefined)
    await partial.append(0, pattern(3, 10))
  }
  await using partial = await begin(test)
  assert.deepEqual([partial.receivedBytes, partial.validator], [10, undefined])
  await partial.setSize(10)
  assert.deepEqual(await partial.settle(), [])
  assert.equal(await partial.digest('sha256'), hash('sha256', pattern(3, 10)))
})

test('what does not fit the size is forgotten, and cut off', async () => {
  await using test = await TestStore.create()
  const partial = await begin(test)
  for (const chunk of [0, 1, 2]) await fill(partial, chunk)
  await partial.setSize(CHUNK + 5)
  assert.deepEqual([partial.receivedBytes, partial.missingChunks, partial.chunkCount], [CHUNK, 1, 2])
  await fill(partial, 1)
  assert.deepEqual(await partial.settle(), [])
  assert.equal(statSync(partial.path).size, CHUNK + 5)
  assert.equal((await partial.commit()).digest, digestOf(pattern(0, CHUNK + 5)))
})

test('a download of another key or other chunks begins anew', async () => {
  await using test = await TestStore.create()
  const fillOne = async (): Promise<void> => {
    await using partial = await begin(test)
    await partial.restart('"v1"')
    await fill(partial, 0)
  }
  await fillOne()
  {
    await using other = await test.store.blobs.partial('a', { chunkBytes: 2 * CHUNK })
    assert.deepEqual([other.receivedBytes, other.validator], [0, undefined])
  }
  await fillOne()
  const [a, b] = ['a', 'b'].map((key) => test.path('partials', hash('sha256', key))) as [string, string]
  for (const suffix of ['.part', '.journal']) writeFileSync(b + suffix, readFileSync(a + suffix))
  await using other = await begin(test, 'b')
  assert.deepEqual([other.receivedBytes, other.validator], [0, undefined])
})

test('a download that is not what was promised stays, to be discarded or restarted', async () => {
  await using test = await TestStore.create()
  const partial = await begin(test)
  const take = async (bytes: Buffer): Promise<void> => {
    await partial.setSize(bytes.length)
    await partial.append(0, bytes)
    await partial.settle()
  }
  await take(pattern(0, 100))
  await assert.rejects(partial.commit({ expected: { digest: digestOf('other') } }), (error) => isSomaError(error, 'package/hash-mismatch'))
  await assert.rejects(partial.commit({ expected: { sizeBytes: 99 } }), (error) => isSomaError(error, 'package/size-mismatch'))
  assert.equal(partial.receivedBytes, 100)
  await partial.restart(undefined)
  await take(pattern(1, 100))
  using lease = test.store.blobs.lease([])
  const { digest } = await partial.commit({ expected: { digest: digestOf(pattern(1, 100)) }, lease })
  assert.deepEqual((await test.store.blobs.collect({})).blobs, [])
  lease[Symbol.dispose]()
  assert.deepEqual((await test.store.blobs.collect({})).blobs, [digest])
})

test('one key has one holder, and a finished download is not used again', async () => {
  await using test = await TestStore.create()
  const { blobs } = test.store
  const partial = await begin(test)
  await assert.rejects(begin(test), /one holder/)
  await partial.discard()
  await partial[Symbol.asyncDispose]()
  await assert.rejects(partial.append(0, pattern(0, 1)), /not used after/)
  await assert.rejects(partial.restart(undefined), /not used after/)
  await assert.rejects(blobs.partial('k'.repeat(2000)), (error) => isSomaError(error, 'call/too-large'))
  await assert.rejects(blobs.partial('a', { chunkBytes: 1 }), /no size for chunks/)
  const empty = await begin(test)
  await empty.setSize(0)
  assert.deepEqual(await empty.settle(), [])
  assert.equal((await empty.commit()).digest, digestOf(''))
})

test('bytes beyond the end of a chunk are a bug of the caller', async () => {
  await using test = await TestStore.create()
  await using partial = await begin(test)
  await partial.setSize(CHUNK + 1)
  await assert.rejects(partial.append(0, pattern(0, CHUNK + 1)), /not all of chunk 0/)
  await assert.rejects(partial.append(1, pattern(0, 2)), /not all of chunk 1/)
})

test('a download whose file was made read-only by a crash in the midst of a commit goes on', async () => {
  await using test = await TestStore.create()
  const partial = await begin(test)
  await partial.append(0, pattern(0, 10))
  await partial[Symbol.asyncDispose]()
  chmodSync(partial.path, 0o444)
  const resumed = await begin(test)
  await resumed.append(0, pattern(10, 10))
  await resumed.setSize(20)
  assert.deepEqual(await resumed.settle(), [])
  assert.equal(statSync(resumed.path).mode & 0o777, 0o600)
  assert.equal((await resumed.commit()).digest, digestOf(pattern(0, 20)))
})

test('how many bytes of a download are here is known without opening it', async () => {
  await using test = await TestStore.create()
  assert.equal(test.store.blobs.partialBytes('a'), 0)
  await using partial = await begin(test)
  await partial.setSize(100 * CHUNK)
  await fill(partial, 90)
  const bytes = test.store.blobs.partialBytes('a')
  assert.ok(bytes <= 4 * CHUNK, `${bytes} bytes for one chunk`)
})
