import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { Turns } from './turns.ts'

const never = new AbortController().signal

test('work runs one after the other, in order, whatever fails', async () => {
  const turns = new Turns(8)
  const seen: string[] = []
  const work = (name: string) => async () => {
    seen.push(`${name} begins`)
    await Promise.resolve()
    seen.push(`${name} ends`)
    if (name === 'b') throw new Error('b fails')
    return name
  }
  const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => turns.run(never, work(name))))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('who gives up waiting is let go at once, and never overtakes', async () => {
  const turns = new Turns(8)
  const first = Promise.withResolvers<string>()
  const running = turns.run(never, () => first.promise)
  const cancel = new AbortController()
  const waiting = turns.run(cancel.signal, async () => assert.fail('it was cancelled'))
  const last = turns.run(never, async () => 'last')
  cancel.abort()
  await assert.rejects(waiting, (error) => isSomaError(error, 'call/cancelled'))
  first.resolve('first')
  assert.deepEqual(await Promise.all([running, last]), ['first', 'last'])
})

test('too many waiting are refused, and idle waits for the rest', async () => {
  const turns = new Turns(1)
  const first = Promise.withResolvers<void>()
  const running = turns.run(never, () => first.promise)
  await assert.rejects(
    turns.run(never, async () => undefined),
    (error) => isSomaError(error, 'resource/exhausted'),
  )
  first.resolve()
  await Promise.all([turns.idle(), running])
})

test('a stream has its turn until it is read to its end, or left', async () => {
  const turns = new Turns(8)
  const seen: string[] = []
  async function* count(name: string): AsyncGenerator<number, string, void> {
    try {
      yield 1
      yield 2
      return name
    } finally {
      seen.push(`${name} ends`)
    }
  }
  const left = turns.stream(never, () => count('left'))
  await left.next()
  const read = Array.fromAsync(turns.stream(never, () => count('read'))).then((events) => seen.push(`read ${events.join()}`))
  await left.return('')
  await read
  assert.deepEqual(seen, ['left ends', 'read ends', 'read 1,2'])
})
