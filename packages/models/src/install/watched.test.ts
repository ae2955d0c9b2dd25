import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SomaError } from '@soma/core'
import { createTestClock, settle } from '@soma/testkit/clock'
import { EventChannel } from './event-channel.ts'
import { STALL_MS } from './limits.ts'
import { Semaphore } from './semaphore.ts'
import { StallWatch } from './stall.ts'
import { watch } from './watched.ts'

const signal = new AbortController().signal

describe('event channel', () => {
  it('keeps only the latest event of a key, however many come', async () => {
    const channel = new EventChannel<{ key: string; value: number }>(({ key }) => key)
    for (let value = 0; value < 100_000; value++) channel.push({ key: `k${value % 3}`, value })
    channel.close()
    channel.push({ key: 'late', value: 0 })
    assert.deepEqual(
      (await Array.fromAsync(channel)).map(({ value }) => value),
      [99_999, 99_997, 99_998],
    )
  })

  it('gives events to a reader that waits', async () => {
    const channel = new EventChannel<number>(String)
    const read = Array.fromAsync(channel)
    await settle()
    channel.push(1)
    await settle()
    channel.push(2)
    channel.close()
    assert.deepEqual(await read, [1, 2])
  })
})

describe('watched work', () => {
  it('gives the events, then the result', async () => {
    const stream = watch<number, string>({ signal, keyOf: String }, async ({ report }) => {
      report(1)
      await settle()
      report(2)
      return 'done'
    })
    assert.deepEqual(
      [await stream.next(), await stream.next(), await stream.next()],
      [
        { value: 1, done: false },
        { value: 2, done: false },
        { value: 'done', done: true },
      ],
    )
  })

  it('fails with what the work fails with', async () => {
    const stream = watch<number, string>({ signal, keyOf: String }, async () => {
      throw new SomaError('internal', 'as told')
    })
    await assert.rejects(stream.next(), /as told/)
  })

  it('is over when the reader has left', async () => {
    let cleaned = false
    const stream = watch<number, void>({ signal, keyOf: String }, async (watched) => {
      watched.report(1)
      try {
        await new Promise((_, reject) => watched.signal.addEventListener('abort', () => reject(watched.signal.reason as Error)))
      } finally {
        await settle()
        cleaned = true
      }
    })
    await stream.next()
    await stream.return()
    assert.equal(cleaned, true)
  })
})

describe('semaphore', () => {
  it('lets in as many as it has places, in order, and forgets who gave up', async () => {
    const semaphore = new Semaphore(() => 2)
    const order: number[] = []
    const abort = new AbortController()
    const first = await semaphore.acquire(signal)
    const second = await semaphore.acquire(signal)
    const third = semaphore.acquire(signal).then((place) => (order.push(3), place))
    const gaveUp = semaphore.acquire(abort.signal)
    const fourth = semaphore.acquire(signal).then((place) => (order.push(4), place))
    abort.abort(new SomaError('call/cancelled', 'gone'))
    await assert.rejects(gaveUp, /gone/)
    assert.deepEqual(order, [])
    first[Symbol.dispose]()
    ;(await third)[Symbol.dispose]()
    second[Symbol.dispose]()
    ;(await fourth)[Symbol.dispose]()
    assert.deepEqual(order, [3, 4])
    using _one = await semaphore.acquire(signal)
    using _two = await semaphore.acquire(signal)
  })
})

describe('stall watch', () => {
  it('aborts an attempt that receives nothing, and leaves one alone that does', async () => {
    const clock = createTestClock()
    const abort = new AbortController()
    using stall = new StallWatch(clock, abort)
    for (let round = 0; round < 10; round++) {
      await clock.advance(STALL_MS * 0.7)
      stall.moved()
    }
    assert.equal(abort.signal.aborted, false)
    await clock.advance(STALL_MS * 1.5)
    assert.match(String(abort.signal.reason), /nothing came/)
    stall[Symbol.dispose]()
    assert.equal(clock.pending, 0)
  })
})
