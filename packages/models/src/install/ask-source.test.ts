import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestClock } from '@soma/testkit/clock'
import { askSource } from './ask-source.ts'
import { RESOLVE_MS_MAX } from './limits.ts'

const found = { reference: 'slow/x', suggestedName: 'x', version: '1', artifacts: [] }
const asked = { source: { scheme: 'slow' }, signal: new AbortController().signal }

test('a source that never comes to an end is given up, and told so', async () => {
  const clock = createTestClock()
  const signals: AbortSignal[] = []
  const answer = askSource({ clock }, asked, async (signal) => {
    signals.push(signal)
    return new Promise(() => undefined)
  })
  const refusal = assert.rejects(answer, { code: 'source/unavailable', retryable: false, message: /^slow did not say in 300 s/ })
  await clock.advance(RESOLVE_MS_MAX)
  await refusal
  assert.equal(signals[0]?.aborted, true)
})

test('one that answers in time leaves nothing behind', async () => {
  const clock = createTestClock()
  assert.deepEqual(await askSource({ clock }, asked, async () => found), found)
})
