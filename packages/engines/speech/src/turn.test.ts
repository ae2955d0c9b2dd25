import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { Turns } from '@soma/wire'
import { Turn } from './turn.ts'

const never = new AbortController().signal
const cancelled = (error: unknown): boolean => isSomaError(error, 'call/cancelled')

test('a caller who leaves is let go at once, and the next one waits until the library is done', async () => {
  const turns = new Turns(2)
  const abort = new AbortController()
  const native = Promise.withResolvers<string>()
  const seen: string[] = []
  const first = (async () => {
    using turn = new Turn(await turns.take(abort.signal))
    await turn.native(native.promise, abort.signal)
  })()
  const second = (async () => {
    using _turn = new Turn(await turns.take(never))
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
  const turns = new Turns(2)
  const native = Promise.withResolvers<string>()
  const abort = new AbortController()
  const call = (async () => {
    using turn = new Turn(await turns.take(never))
    await turn.native(native.promise, abort.signal)
  })()
  await Promise.resolve()
  abort.abort()
  await assert.rejects(call, cancelled)
  native.reject(new Error('late'))
  using _next = new Turn(await turns.take(never))
})
