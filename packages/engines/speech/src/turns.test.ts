import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { WAITING_CALLS_MAX } from './limits.ts'
import { Turns } from './turns.ts'

const never = new AbortController().signal
const cancelled = (error: unknown): boolean => isSomaError(error, 'call/cancelled')

test('a caller who leaves is let go at once, and the next one waits until the library is done', async () => {
  const turns = new Turns()
  const abort = new AbortController()
  const native = Promise.withResolvers<string>()
  const seen: string[] = []
  const first = (async () => {
    using turn = await turns.take(abort.signal)
    await turn.native(native.promise, abort.signal)
  })()
  const second = (async () => {
    using _turn = await turns.take(never)
    seen.push('the second has its turn')
  })()
  abort.abort()
  await assert.rejects(first, cancelled)
  seen.push('the first is gone')
  native.resolve('done')
  await second
  await turns.idle()
  assert.deepEqual(seen, ['the first is gone', 'the second has its turn'])
})

test('what the library rejects after its caller has left disturbs nobody', async () => {
  const turns = new Turns()
  const native = Promise.withResolvers<string>()
  const abort = new AbortController()
  const call = (async () => {
    using turn = await turns.take(never)
    await turn.native(native.promise, abort.signal)
  })()
  await Promise.resolve()
  abort.abort()
  await assert.rejects(call, cancelled)
  native.reject(new Error('late'))
  using _next = await turns.take(never)
})

test('too many waiting are refused', async () => {
  const turns = new Turns()
  const first = await turns.take(never)
  const waiting = Array.from({ length: WAITING_CALLS_MAX }, async () => {
    using _turn = await turns.take(never)
  })
  await assert.rejects(turns.take(never), (error) => isSomaError(error, 'resource/exhausted'))
  first[Symbol.dispose]()
  await Promise.all(waiting)
})
