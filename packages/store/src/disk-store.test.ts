import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { type BlobDigest, isSomaError } from '@soma/core'
import fc from 'fast-check'
import { type Batch, type Store, recordDigest } from './index.ts'
import { COMMIT_ROWS_MAX, EVENTS_KEPT_MAX, EVENT_LENGTH_MAX, LOG_BODY_LENGTH_MAX, RECORD_LENGTH_MAX } from './limits.ts'
import { startProcess } from './test-process.ts'
import { TestStore, digestOf } from './test-store.ts'

const event = (number: number) => ({ at: number, name: 'test.happened', resource: `test/${number}`, data: { number } })
const put = (key: string, value: unknown, blobs: readonly BlobDigest[] = []) =>
  ({ action: 'put', kind: 'test', key, value, blobs }) as const
const remove = (key: string) => ({ action: 'delete', kind: 'test', key }) as const

/** What the store should hold: the obvious thing, in memory. */
class Model {
  readonly records = new Map<string, unknown>()
  readonly bodies: string[] = []
  readonly events: ReturnType<typeof event>[] = []

  commit({ writes = [], entries = [], events = [] }: Batch): void {
    for (const write of writes)
      if (write.action === 'put') this.records.set(write.key, write.value)
      else this.records.delete(write.key)
    this.bodies.push(...entries)
    this.events.push(...(events as ReturnType<typeof event>[]))
  }

  check(store: Store): void {
    const keys = [...this.records.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const expected = keys.map((key) => ({ key, value: this.records.get(key), digest: recordDigest(this.records.get(key)) }))
    assert.deepEqual(store.records.list('test'), expected)
    assert.deepEqual(store.records.scan('test'), expected)
    assert.equal(store.records.count('test'), expected.length)
    assert.deepEqual(store.records.digests(), { digests: new Map(expected.map(({ key, digest }) => [`test/${key}`, digest])), corrupt: [] })
    for (const record of expected) assert.deepEqual(store.records.get('test', record.key), record)
    assert.deepEqual(
      store.log.read({ afterSeq: 0, limit: 1000 }).map(({ body }) => body),
      this.bodies,
    )
    assert.equal(store.log.head.seq, this.bodies.length)
    assert.deepEqual(
      store.events.read({ afterSeq: 0, limit: 1000 }),
      this.events.map((event, index) => ({ seq: index + 1, ...event })),
    )
    assert.equal(store.events.lastSeq, this.events.length)
  }
}

test('after any batches, refused ones and restarts among them, the store holds what was acknowledged', async () => {
  const key = fc.oneof(
    fc.constantFrom('a', 'b', 'c'),
    fc.string({ unit: 'binary', maxLength: 8 }).filter((text) => text.isWellFormed()),
  )
  const write = fc.oneof(
    fc.tuple(key, fc.jsonValue({ maxDepth: 3 })).map(([name, value]) => put(name, JSON.parse(JSON.stringify(value)))),
    key.map(remove),
  )
  const batch = fc.record(
    {
      writes: fc.array(write, { maxLength: 5 }),
      entries: fc.array(fc.json({ maxDepth: 2 }), { maxLength: 90 }),
      events: fc.array(fc.nat().map(event), { maxLength: 3 }),
    },
    { requiredKeys: [] },
  )
  const step = fc.oneof(
    { weight: 6, arbitrary: batch.map((content) => ({ act: 'commit', content }) as const) },
    { weight: 1, arbitrary: batch.map((content) => ({ act: 'refused', content }) as const) },
    { weight: 1, arbitrary: fc.constant({ act: 'reopen' } as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using test = await TestStore.create()
      const model = new Model()
      for (const { act, ...rest } of steps) {
        if (act === 'reopen') await test.reopen()
        else if (act === 'refused') assert.throws(() => test.store.commit(refused(rest as { content: Batch })))
        else {
          const { content } = rest as { content: Batch }
          const before = test.store.log.head.seq
          const { entries, eventSeqs } = test.store.commit(content)
          assert.deepEqual(entries, test.store.log.read({ afterSeq: before, limit: 1000 }))
          assert.equal(eventSeqs.length, content.events?.length ?? 0)
          model.commit(content)
        }
      }
      model.check(test.store)
      model.check(await test.reopen())
      assert.deepEqual((await test.store.log.verify()).problems, [])
    }),
    { numRuns: 15 },
  )
})

/** The same batch with an end that cannot be committed, so that all before it must be undone. */
function refused({ content }: { content: Batch }): Batch {
  return { ...content, events: [...(content.events ?? []), { ...event(0), name: 'x'.repeat(EVENT_LENGTH_MAX) }] }
}

test('what is over a limit is refused whole, by name', async () => {
  await using test = await TestStore.create()
  const { store } = test
  const tooLarge = (batch: Batch, what: RegExp) =>
    assert.throws(
      () => store.commit(batch),
      (error) => isSomaError(error, 'call/too-large') && what.test(error.message),
    )
  tooLarge({ entries: Array(COMMIT_ROWS_MAX + 1).fill('{}') }, /batch of 100001 rows/)
  tooLarge({ writes: [put('a', 1), put('b', 'x'.repeat(RECORD_LENGTH_MAX))] }, /record test\/b/)
  tooLarge({ writes: [put('k'.repeat(1025), 1)] }, /key/)
  tooLarge({ entries: ['{}', 'x'.repeat(LOG_BODY_LENGTH_MAX + 1)] }, /log entry/)
  assert.throws(() => store.commit({ writes: [{ ...put('a', 1), kind: 'a/b' }] }), /kind/)
  assert.throws(() => store.commit({ writes: [put('\ud800', 1)] }), /well-formed/)
  assert.throws(() => store.log.read({ afterSeq: 0, limit: 10_001 }), /at most/)
  assert.throws(() => store.log.last(10_001), /at most/)
  assert.throws(() => store.events.read({ afterSeq: 0, limit: 10_001 }), /at most/)
  assert.equal(store.log.head.seq, 0)
  assert.equal(store.records.count('test'), 0)
  assert.deepEqual((await store.log.verify()).problems, [])
})

test('equal values have equal digests, whatever the order of their keys', async () => {
  await using test = await TestStore.create()
  test.store.commit({ writes: [put('a', { x: 1, y: [2, { z: 3, w: null }] })] })
  const stored = test.store.records.get('test', 'a')
  assert.equal(stored?.digest, recordDigest({ y: [2, { w: null, z: 3 }], x: 1 }))
  assert.equal(test.store.records.get('test', 'b'), undefined)
  assert.equal(test.store.records.get('other', 'a'), undefined)
})

test('the oldest events make room, and their numbers are not used again', async () => {
  await using test = await TestStore.create()
  test.store.commit({ events: Array.from({ length: EVENTS_KEPT_MAX + 5 }, (_, index) => event(index + 1)) })
  test.store.commit({ events: [event(0)] })
  const { events } = await test.reopen()
  assert.equal(events.lastSeq, EVENTS_KEPT_MAX + 6)
  assert.equal(events.read({ afterSeq: 0, limit: 1 })[0]?.seq, 7)
  assert.deepEqual(
    events.read({ afterSeq: EVENTS_KEPT_MAX + 4, limit: 10 }).map(({ seq }) => seq),
    [EVENTS_KEPT_MAX + 5, EVENTS_KEPT_MAX + 6],
  )
})

test('a record may not refer to a blob that is not there', async () => {
  await using test = await TestStore.create()
  const digest = digestOf('absent')
  assert.throws(
    () => test.store.commit({ entries: ['{}'], writes: [put('a', 1, [digest])] }),
    (error) => isSomaError(error, 'store/not-found'),
  )
  assert.equal(test.store.log.head.seq, 0)
  await test.store.blobs.write([Buffer.from('absent')])
  test.store.commit({ writes: [put('a', 1, [digest])] })
})

test('killed in the midst of commits, it has every acknowledged one and a log that verifies', async () => {
  await using test = await TestStore.create()
  for (let round = 1; round <= 3; round++) {
    test.close()
    await using child = startProcess('commit', test.directory)
    await child.said(20 + round * 17)
    await child.kill()
    const [number, hash] = (child.lines.at(-1) ?? '').split(' ')
    const store = await test.open()
    const acknowledged = Number(number)
    assert.ok(store.log.head.seq >= acknowledged, `entry ${acknowledged} of ${store.log.head.seq}`)
    assert.equal(store.log.read({ afterSeq: acknowledged - 1, limit: 1 })[0]?.hash, hash)
    assert.equal(store.records.count('test'), store.log.head.seq)
    assert.equal(store.events.lastSeq, store.log.head.seq)
    assert.deepEqual(store.records.digests().corrupt, [])
    assert.deepEqual((await store.log.verify()).problems, [])
  }
})

test('what a crash left in tmp is gone after the next start', async () => {
  await using test = await TestStore.create()
  test.close()
  await using child = startProcess('write', test.directory)
  await child.said(5)
  await child.kill()
  assert.equal(readdirSync(test.path('tmp')).length, 1)
  await test.open()
  assert.deepEqual(readdirSync(test.path('tmp')), [])
  assert.deepEqual(test.store.blobs.usage(), { blobs: 0, sizeBytes: 0 })
})

/** A file system of 4 MB, or undefined where mounting is not allowed. */
function mountSmall(): ({ path: string } & Disposable) | undefined {
  const path = mkdtempSync(join(tmpdir(), 'soma-small-'))
  const unmount = () => {
    execFileSync('umount', [path])
    rmSync(path, { recursive: true })
  }
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', path], { stdio: 'ignore' })
    return { path, [Symbol.dispose]: unmount }
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
}

const diskFull = (error: unknown) => isSomaError(error, 'store/disk-full')

test('a full disk fails one commit whole; what was acknowledged stays, and with room it goes on', async (t) => {
  using small = mountSmall()
  if (!small) return t.skip('mounting a small tmpfs is not permitted here')
  await using test = await TestStore.create(small.path)
  writeFileSync(join(small.path, 'other'), Buffer.alloc(1 << 20))
  let count = 0
  assert.throws(() => {
    for (; ; count++) test.store.commit({ entries: ['{}'], writes: [put(`k${count}`, 'x'.repeat(50_000))], events: [event(count)] })
  }, diskFull)
  assert.ok(count > 3)
  const check = async (store: Store) => {
    assert.equal(store.log.head.seq, count)
    assert.equal(store.records.count('test'), count)
    assert.equal(store.events.lastSeq, count)
    assert.deepEqual((await store.log.verify()).problems, [])
  }
  await check(test.store)
  await check(await test.reopen())
  rmSync(join(small.path, 'other'))
  test.store.commit({ writes: Array.from({ length: count }, (_, index) => remove(`k${index}`)) })
  test.store.commit({ entries: ['{}'], writes: [put('k', 1)], events: [event(count)] })
  assert.equal(test.store.log.head.seq, count + 1)
  assert.equal(test.store.records.count('test'), 1)
})

test('a full disk leaves nothing of a blob or a checkpoint, and the bytes of a download before it', async (t) => {
  using small = mountSmall()
  if (!small) return t.skip('mounting a small tmpfs is not permitted here')
  await using test = await TestStore.create(small.path)
  const { blobs, log } = test.store
  // Its line ends within a page, so that a part of the next one finds room.
  log.checkpoint()
  const megabytes = Array.from({ length: 6 }, (_, index) => Buffer.alloc(1 << 20, index))
  await assert.rejects(blobs.write(megabytes), diskFull)
  await assert.rejects(
    blobs.write(
      Buffer.concat(megabytes)
        .toString('latin1')
        .match(/[^]{1,70000}/g)!
        .map((text) => Buffer.from(text, 'latin1')),
    ),
    diskFull,
  )
  assert.deepEqual(readdirSync(test.path('tmp')), [])
  assert.deepEqual(blobs.usage(), { blobs: 0, sizeBytes: 0 })

  const partial = await blobs.partial('big', { chunkBytes: 1 << 20 })
  await assert.rejects(async () => {
    for (const [chunk, bytes] of megabytes.entries()) await partial.append(chunk, Buffer.from(bytes))
  }, diskFull)
  await partial[Symbol.asyncDispose]()
  assert.throws(() => log.checkpoint(), diskFull)
  const resumed = await blobs.partial('big', { chunkBytes: 1 << 20 })
  assert.ok(resumed.receivedBytes >= 1 << 20)
  assert.deepEqual(await resumed.settle(), [])
  await resumed.discard()
  assert.deepEqual(readdirSync(test.path('partials')), [])

  log.checkpoint()
  assert.deepEqual((await log.verify()).problems, [])
  assert.equal((await blobs.write(megabytes.slice(0, 1))).sizeBytes, 1 << 20)
})
