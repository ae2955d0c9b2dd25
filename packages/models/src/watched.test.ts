import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SomaError } from '@soma/core'
import { settle } from '@soma/testkit/clock'
import { EventChannel } from './event-channel.ts'
import { watch } from './watched.ts'

const { signal } = new AbortController()

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
