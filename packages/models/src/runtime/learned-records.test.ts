import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { type LogRecord, createLog, createSeededRng, silentLog } from '@soma/core'
import { LEARNED_KIND, type RecordWrite, type Store, openStore } from '@soma/store'
import { createTestClock } from '@soma/testkit/clock'
import { type Habits, noHabits } from './adaptive.ts'
import { KEEP_LEARNED_MS } from './limits.ts'
import { LearnedRecords } from './learned-records.ts'
import type { Known } from './residency-state.ts'
import { World, never } from './test-world.ts'

const known: Known = { needs: { memory: 1000, 'cuda:0': 5e9 }, loadMs: 1234.5 }
const habits: Habits = { lastAt: 300, firstAt: 100, gaps: [100, 100], firsts: [100] }

/** What is learned here, on a store that can be opened again. */
class Learning implements AsyncDisposable {
  clock = createTestClock()
  readonly logged: LogRecord[] = []
  readonly directory: string
  readonly identities = new Map([['a', 'package 1']])
  store: Store
  learned: LearnedRecords
  keeps = 0
  isFull = false

  static async create(): Promise<Learning> {
    const directory = await mkdtemp(join(tmpdir(), 'soma-learned-'))
    return new Learning(directory, await open(directory))
  }

  private constructor(directory: string, store: Store) {
    this.directory = directory
    this.store = store
    this.learned = this.#begin()
  }

  /** As after the end of the daemon, at any moment. */
  async restart(): Promise<Map<string, Habits>> {
    this.store[Symbol.dispose]()
    this.store = await open(this.directory)
    this.clock = createTestClock()
    this.learned = this.#begin()
    return this.learned.read()
  }

  put(key: string, value: unknown): void {
    this.store.commit({ writes: [{ action: 'put', kind: LEARNED_KIND, key, value }] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store[Symbol.dispose]()
    await rm(this.directory, { recursive: true, force: true })
  }

  #begin(): LearnedRecords {
    const { clock } = this
    const keep = (writes: readonly RecordWrite[]): void => {
      if (this.isFull) throw new Error('the disk is full')
      this.keeps += 1
      this.store.commit({ writes, sync: false })
    }
    return new LearnedRecords({
      clock,
      log: createLog({ level: 'debug', clock, write: (record) => this.logged.push(record) }),
      records: this.store.records,
      keep,
      identityOf: (model) => this.identities.get(model),
      knownOf: () => known,
      habitsOf: () => habits,
    })
  }
}

async function open(directory: string): Promise<Store> {
  return await openStore({ clock: createTestClock(), rng: createSeededRng(1), log: silentLog }, { directory })
}

describe('what was learned of models', () => {
  it('is there after a restart, once it was written', async () => {
    await using learning = await Learning.create()
    learning.learned.changed('a')
    learning.learned.changed('a')
    assert.deepEqual(await learning.restart(), new Map())
    learning.learned.changed('a')
    await learning.clock.advance(KEEP_LEARNED_MS)
    assert.equal(learning.keeps, 1)
    assert.deepEqual(await learning.restart(), new Map([['a', habits]]))
    assert.deepEqual(learning.learned.take('a'), known)
    assert.equal(learning.learned.take('a'), undefined)
  })

  it('is not believed of another package, engine or settings; habits are', async () => {
    await using learning = await Learning.create()
    learning.learned.changed('a')
    learning.learned.flush()
    learning.identities.set('a', 'package 2')
    assert.deepEqual(await learning.restart(), new Map([['a', habits]]))
    assert.equal(learning.learned.take('a'), undefined)
  })

  it('is left out where it cannot be read, with a line in the log, and goes with its model all the same', async () => {
    await using learning = await Learning.create()
    const sound = { version: 1, identity: null, known: null, habits: noHabits }
    const garbage = [
      null,
      'words',
      { ...sound, version: 2 },
      { ...sound, habits: { ...noHabits, gaps: Array.from({ length: 129 }, () => 1) } },
      { ...sound, habits: { ...noHabits, gaps: [-1] } },
      { ...sound, identity: 'x'.repeat(64), known: { needs: { memory: 'all' }, loadMs: 0 } },
      { ...sound, more: 1 },
    ]
    for (const [index, value] of garbage.entries()) learning.put(`model-${index}`, value)
    learning.put('good', sound)
    assert.deepEqual([...(await learning.restart()).keys()], ['good'])
    assert.equal(learning.logged.filter(({ level }) => level === 'warn').length, garbage.length)
    assert.ok(learning.learned.has('model-0') && learning.learned.has('good') && !learning.learned.has('other'))
    learning.learned.forget('good')
    assert.ok(!learning.learned.has('good'))
  })

  it('is not written for a model that is gone, and a full disk costs no more than it', async () => {
    await using learning = await Learning.create()
    learning.learned.changed('gone')
    learning.learned.changed('a')
    learning.isFull = true
    learning.learned.flush()
    assert.equal(learning.logged.filter(({ level }) => level === 'warn').length, 1)
    learning.isFull = false
    learning.learned.changed('gone')
    learning.learned.changed('a')
    learning.learned.flush()
    assert.deepEqual([...(await learning.restart()).keys()], ['a'])
  })
})

describe('a runtime that was restarted', () => {
  it('plans with what it measured before, until the model is another one', async () => {
    const kept = new Map<string, unknown>()
    const known = async (sizes: { readonly residentBytes: number }) => {
      await using world = await World.create({ a: sizes }, { kept })
      world.runtime.start()
      const { host } = world.runtime
      assert.equal(host.residency.state.known.get('a'), undefined)
      host.dropStale(world.model('a'))
      const before = host.residency.state.known.get('a')
      await world.runtime.infer('a', { inputs: [] }, never)
      return before
    }
    assert.equal(await known({ residentBytes: 5_000_000 }), undefined)
    const again = await known({ residentBytes: 5_000_000 })
    assert.deepEqual(again?.needs, { memory: 5_000_000 })
    assert.ok(again.loadMs > 0)
    assert.equal(await known({ residentBytes: 6_000_000 }), undefined)
  })

  it('names the record among those that go with the model, and forgets it with it', async () => {
    const kept = new Map<string, unknown>()
    {
      await using world = await World.create({ a: {} }, { kept })
      await world.runtime.infer('a', { inputs: [] }, never)
      assert.deepEqual(world.runtime.recordsOf('a'), [])
    }
    await using world = await World.create({ a: {} }, { kept })
    world.runtime.start()
    assert.deepEqual(world.runtime.recordsOf('a'), [LEARNED_KIND])
    world.runtime.forget('a')
    assert.deepEqual(world.runtime.recordsOf('a'), [])
  })
})
