import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { createTurns } from './turns.ts'

const never = new AbortController().signal

test('work runs one after the other, in order, whatever fails', async () => {
  const turns = createTurns(8)
  const seen: string[] = []
  const work = (name: string) => async () => {
    seen.push(`${name} begins`)
    await Promise.resolve()
    seen.push(`${name} ends`)
    if (name === 'b') throw new Error('b fails')
    return name
  }
  const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => turns.take(never, work(name))))
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(seen, ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('who gives up waiting is let go at once, and never overtakes', async () => {
  const turns = createTurns(8)
  const first = Promise.withResolvers<string>()
  const running = turns.take(never, () => first.promise)
  const cancel = new AbortController()
  const waiting = turns.take(cancel.signal, async () => assert.fail('it was cancelled'))
  const last = turns.take(never, async () => 'last')
  cancel.abort()
  await assert.rejects(waiting, (error) => isSomaError(error, 'call/cancelled'))
  first.resolve('first')
  assert.deepEqual(await Promise.all([running, last]), ['first', 'last'])
})

test('too many waiting are refused, and idle waits for the rest', async () => {
  const turns = createTurns(1)
  const first = Promise.withResolvers<void>()
  const running = turns.take(never, () => first.promise)
  await assert.rejects(
    turns.take(never, async () => undefined),
    (error) => isSomaError(error, 'resource/exhausted'),
  )
  first.resolve()
  await Promise.all([turns.idle(), running])
})
