import assert from 'node:assert/strict'
import test from 'node:test'
import { SomaError, createSeededRng, silentLog } from '@soma/core'
import type { SomaEvent } from '@soma/spec'
import type { Batch, Store } from '@soma/store'
import { Broadcast } from '../events/event-bus.ts'
import { EVENT_LENGTH_MAX, JOURNAL_GROUP_MAX, JOURNAL_PENDING_MAX, JOURNAL_RETRY_MS } from '../limits.ts'
import { TestKernel } from '../test-kernel.ts'
import { type AuditFacts, decodeEntry } from './entry.ts'
import { Journal } from './journal.ts'

/** A journal on a real store whose disk can be full. */
class TestJournal implements AsyncDisposable {
  readonly kernel: TestKernel
  readonly journal: Journal
  readonly events = new Broadcast<SomaEvent>()
  isFull = false
  /** Tries to commit, those that failed too. */
  commits = 0
  rowsMax = 0

  private constructor(kernel: TestKernel) {
    this.kernel = kernel
    this.journal = new Journal({
      store: this.#store(),
      clock: kernel.clock,
      rng: createSeededRng(1),
      log: silentLog,
      events: this.events,
      ends: new Broadcast(),
      charged: new Set(),
    })
  }

  static async create(): Promise<TestJournal> {
    return new TestJournal(await TestKernel.create())
  }

  note(...names: string[]): void {
    for (const name of names) this.journal.note(entry(name))
  }

  emit(name: string, data: SomaEvent['data'] = {}): void {
    this.journal.noteEvent({ at: 1, name, resource: 'test/x', data })
  }

  /** Names of what the log holds, without what the kernel itself wrote at its start. */
  written(): string[] {
    const { store } = this.kernel
    const entries = store.log.read({ afterSeq: 1, limit: 10_000 })
    return entries.map(decodeEntry).map(({ name }) => name)
  }

  #store(): Store {
    const { store } = this.kernel
    const commit = (batch: Batch): ReturnType<Store['commit']> => {
      this.commits++
      if (this.isFull) throw new SomaError('store/disk-full', 'no space left')
      const { entries = [], events = [], writes = [] } = batch
      this.rowsMax = Math.max(this.rowsMax, entries.length + events.length + writes.length)
      return store.commit(batch)
    }
    return new Proxy(store, { get: (target, key) => (key === 'commit' ? commit : Reflect.get(target, key, target)) })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kernel[Symbol.asyncDispose]()
  }
}

function entry(name: string): AuditFacts {
  return { at: 1, kind: 'system', name, principal: 'system', face: 'internal' }
}

const names = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

test('when the disk refuses, what waits is kept, in order, and written when there is space', async () => {
  await using test = await TestJournal.create()
  test.isFull = true
  test.note('first')
  test.emit('test.first')
  await test.kernel.clock.advance(60)
  test.note('second')
  assert.deepEqual(test.written(), [])
  test.isFull = false
  await test.kernel.clock.advance(JOURNAL_RETRY_MS)
  assert.deepEqual(test.written(), ['first', 'second'])
  assert.equal(test.kernel.store.events.lastSeq, 1)
})

test('a full group on a full disk is tried once, and then once a second, however many come', async () => {
  await using test = await TestJournal.create()
  test.isFull = true
  test.note(...names('n', JOURNAL_GROUP_MAX + 500))
  assert.equal(test.commits, 1)
  await test.kernel.clock.advance(3 * JOURNAL_RETRY_MS)
  assert.equal(test.commits, 4)
})

test('whatever has piled up is written in groups that the store takes', async () => {
  await using test = await TestJournal.create()
  test.isFull = true
  const piled = names('n', 2 * JOURNAL_GROUP_MAX + 7)
  test.note(...piled)
  for (const name of names('test.e', 2 * JOURNAL_GROUP_MAX)) test.emit(name)
  test.isFull = false
  test.journal.flush()
  assert.deepEqual(test.written(), piled)
  assert.equal(test.rowsMax, 2 * JOURNAL_GROUP_MAX)
  assert.equal(test.kernel.store.events.lastSeq, 2 * JOURNAL_GROUP_MAX)
})

test('a call that changes something comes after all that waited before it, and fails with it on a full disk', async () => {
  await using test = await TestJournal.create()
  test.isFull = true
  const piled = names('n', JOURNAL_GROUP_MAX + 3)
  test.note(...piled)
  const begun = test.journal.note(entry('change'))
  test.note('after')
  const end = { at: 2, outcome: { status: 'ok' } }
  const changes = { writes: [{ action: 'put', kind: 'note', key: 'a', value: 1 }], events: [] } as const
  assert.throws(() => test.journal.commit(begun, end, changes), { code: 'store/disk-full' })
  assert.equal(test.kernel.store.records.get('note', 'a'), undefined)
  test.isFull = false
  test.journal.commit(begun, end, changes)
  assert.deepEqual(test.written(), [...piled, 'after', 'change'])
  assert.equal(test.kernel.store.records.get('note', 'a')?.value, 1)
})

test('calls are refused when too much waits', async () => {
  await using test = await TestJournal.create()
  test.isFull = true
  const one = entry('n')
  for (let count = 0; count < JOURNAL_PENDING_MAX; count++) test.journal.note(one)
  assert.throws(() => test.journal.note(one), { code: 'store/disk-full' })
})

test('an event that the store would refuse is dropped, and holds up nothing', async () => {
  await using test = await TestJournal.create()
  test.emit('test.large', { text: 'x'.repeat(EVENT_LENGTH_MAX) })
  test.emit('test.small')
  test.note('entry')
  await test.kernel.clock.advance(60)
  assert.deepEqual(test.written(), ['entry'])
  assert.deepEqual(
    test.kernel.store.events.read({ afterSeq: 0, limit: 10 }).map(({ name }) => name),
    ['test.small'],
  )
})
