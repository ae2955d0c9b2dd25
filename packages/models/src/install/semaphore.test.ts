import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SomaError } from '@soma/core'
import { Semaphore } from './semaphore.ts'

const { signal } = new AbortController()

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
