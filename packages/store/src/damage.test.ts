import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { isSomaError } from '@soma/core'
import type { Store } from './index.ts'
import { TestStore, digestOf, flipBit, flipBitOf } from './test-store.ts'

const corrupt = (error: unknown, name: string) => isSomaError(error, 'store/corrupt') && error.message.includes(name)

test('any flipped bit of a record is found by every way of reading it, and the record named', async () => {
  await using test = await TestStore.create()
  await test.store.blobs.write([Buffer.from('a blob')])
  const writes = ['a', 'b', 'c'].map(
    (key) => ({ action: 'put', kind: 'test', key, value: { key, text: 'é'.repeat(20) }, blobs: [digestOf('a blob')] }) as const,
  )
  test.store.commit({ writes })
  const sound = test.store.records.digests().digests
  test.close()
  const database = readFileSync(test.path('soma.sqlite'))
  const texts = {
    value: '{"key":"b","text":"éééééééééééééééééééé"}',
    digest: sound.get('test/b') ?? '',
    blobs: JSON.stringify([digestOf('a blob')]),
    checksum: 'f'.repeat(64),
  }
  for (const [column, text] of Object.entries(texts))
    for (let bit = 0; bit < text.length * 8; bit += 37) {
      const { records, blobs } = await test.tamper(`UPDATE records SET ${column} = ? WHERE key = 'b'`, flipBit(text, bit))
      assert.throws(
        () => records.get('test', 'b'),
        (error) => corrupt(error, 'test/b'),
      )
      assert.throws(
        () => records.list('test'),
        (error) => corrupt(error, 'test/b'),
      )
      assert.deepEqual(
        records.scan('test').map((record) => ('corrupt' in record ? `${record.key}!` : record.key)),
        ['a', 'b!', 'c'],
      )
      assert.deepEqual(records.digests().corrupt, ['test/b'])
      assert.equal(records.digests().digests.get('test/b') === sound.get('test/b'), column !== 'value')
      if (column !== 'value') await assert.rejects(blobs.collect({}), (error) => corrupt(error, 'test/b'))
      test.close()
      writeFileSync(test.path('soma.sqlite'), database)
    }
  const renamed = await test.tamper("UPDATE records SET key = 'd' WHERE key = 'b'")
  assert.deepEqual(renamed.records.digests().corrupt, ['test/d'])
  const moved = await test.tamper("UPDATE records SET kind = 'other' WHERE key = 'c'")
  assert.deepEqual(moved.records.digests().corrupt, ['test/d', 'other/c'])
  assert.throws(
    () => moved.records.get('other', 'c'),
    (error) => corrupt(error, 'other/c'),
  )
})

test('a damaged event is left out with a warning, and the later ones are there', async () => {
  await using test = await TestStore.create()
  test.store.commit({ events: [1, 2, 3].map((at) => ({ at, name: 'test.happened', resource: 'test/x', data: {} })) })
  const { events } = await test.tamper("UPDATE events SET body = replace(body, '2', '3') WHERE seq = 2")
  assert.deepEqual(
    events.read({ afterSeq: 0, limit: 9 }).map(({ seq }) => seq),
    [1, 3],
  )
  assert.equal(test.complaints.length, 1)
  assert.equal(events.lastSeq, 3)
})

interface Contents {
  readonly records: unknown
  readonly entries: unknown
  readonly events: unknown
  readonly next: unknown
}

function contentsOf(store: Store): Contents {
  return {
    records: ['alpha', 'beta'].map((kind) => [store.records.count(kind), store.records.scan(kind), store.records.get(kind, 'k3')]),
    entries: store.log.read({ afterSeq: 0, limit: 1000 }),
    events: store.events.read({ afterSeq: 0, limit: 1000 }),
    next: [store.log.head, store.events.lastSeq],
  }
}

/** What somebody who asks would be told about the damage: by opening, by verifying, by reading. */
async function findings(test: TestStore, sound: Contents): Promise<string[]> {
  test.complaints.length = 0
  try {
    const store = await test.open()
    const named = [...(await store.log.verify()).problems.map(({ where }) => where), ...store.records.digests().corrupt]
    try {
      assert.deepEqual(contentsOf(store), sound)
    } catch (error) {
      if (named.length === 0 && isSomaError(error)) named.push(error.message)
      else if (named.length === 0 && test.complaints.length === 0) throw error
    }
    return [...named, ...test.complaints]
  } catch (error) {
    if (isSomaError(error, 'store/newer-schema') || isSomaError(error, 'store/corrupt')) return [error.message]
    throw error
  }
}

test('a bit flipped anywhere in the database file is found, unless it holds nothing', async () => {
  await using test = await TestStore.create()
  for (let number = 0; number < 40; number++) {
    const kind = number % 2 ? 'alpha' : 'beta'
    const value = { number, text: `${number}`.repeat(100) }
    const event = { at: number, name: 'test.happened', resource: `test/${number}`, data: { number } }
    test.store.commit({ writes: [{ action: 'put', kind, key: `k${number}`, value }], entries: [JSON.stringify(value)], events: [event] })
  }
  test.store.log.checkpoint()
  await test.reopen()
  const sound = contentsOf(test.store)
  test.close()
  const files = ['soma.sqlite', 'log/head', 'log/checkpoints.jsonl'].map(
    (name) => [test.path(name), readFileSync(test.path(name))] as const,
  )
  const [[path, database] = ['', Buffer.alloc(0)]] = files
  let found = 0
  let tried = 0
  // A stride without small factors, so that every bit of a byte and every part of a page has its turn.
  for (let bit = 5; bit < database.length * 8; bit += 4001, tried++) {
    for (const [name, bytes] of files) writeFileSync(name, bytes)
    rmSync(`${path}-wal`, { force: true })
    writeFileSync(path, flipBitOf(database, bit))
    try {
      if ((await findings(test, sound)).length > 0) found++
    } catch (error) {
      throw new Error(`bit ${bit} of ${database.length * 8} went unnoticed`, { cause: error })
    } finally {
      test.close()
    }
  }
  // The rest is free space inside pages, and fields of the header that nothing depends on.
  assert.ok(found / tried > 0.5, `${found} of ${tried}`)
})

test('a destroyed page of the log costs its entries, and only they are named', async () => {
  await using test = await TestStore.create()
  const text = 'x'.repeat(400)
  test.store.commit({ entries: Array.from({ length: 1500 }, (_, index) => JSON.stringify({ number: index + 1, text })) })
  test.close()
  const path = test.path('soma.sqlite')
  const database = readFileSync(path)
  const page = Math.floor(database.indexOf('{"number":777,') / 4096)
  const lost = [...database.toString('latin1', page * 4096, (page + 1) * 4096).matchAll(/"number":(\d+)/g)]
    .map(([, number]) => Number(number))
    .sort((a, b) => a - b)
  assert.ok(lost.length > 3)
  writeFileSync(path, database.fill(0xff, page * 4096, page * 4096 + 8))
  const { log } = await test.open()
  const seen: number[] = []
  const { problems, entries } = await log.verify((entry) => seen.push(entry.seq))
  assert.deepEqual(
    problems.map(({ where }) => where),
    lost.map((seq) => `entry ${seq}`),
  )
  assert.ok(problems.every(({ what }) => /corrupt/.test(what)))
  assert.equal(entries, 1500 - lost.length)
  assert.ok(seen.includes(1500))
  assert.throws(
    () => log.read({ afterSeq: 700, limit: 100 }),
    (error) => corrupt(error, 'soma.sqlite'),
  )
})

test('a lost or damaged write-ahead log is found: what was acknowledged is known to be missing', async () => {
  await using test = await TestStore.create()
  test.store.commit({ entries: ['{"number":1}'] })
  await test.reopen()
  for (let number = 2; number <= 12; number++) test.store.commit({ entries: [JSON.stringify({ number })] })
  const files = ['soma.sqlite-wal', 'soma.sqlite', 'log/head'].map(
    (name) => [test.path(name), readFileInOtherProcess(test.path(name))] as const,
  )
  test.close()
  const [[walPath, wal] = ['', Buffer.alloc(0)]] = files
  const damaged = [Buffer.alloc(0), ...Array.from({ length: 12 }, (_, index) => flipBitOf(wal, 8 * (40 + index * 3000) + index))]
  for (const bytes of damaged) {
    for (const [name, content] of files) writeFileSync(name, content)
    writeFileSync(walPath, bytes)
    const store = await test.open()
    const { problems } = await store.log.verify()
    assert.ok(
      problems.some(({ where }) => where === 'head'),
      'the head',
    )
    assert.ok(
      problems.some(({ where }) => /^entr(y|ies) /.test(where)),
      'the entries',
    )
    assert.equal(store.log.head.seq, 12)
    test.close()
  }
})

/** Reading the open database here would drop its lock when the file is closed. */
function readFileInOtherProcess(path: string): Buffer {
  return execFileSync('cat', [path], { maxBuffer: 1 << 26 })
}
