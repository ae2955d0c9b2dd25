import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { createTestClock, settle } from '@soma/testkit/clock'
import fc from 'fast-check'
import { THROTTLE_BURST_MS } from './limits.ts'
import { Throttle } from './throttle.ts'

const { signal } = new AbortController()
const idle = { signal, waiting: () => undefined }

test('whatever comes when, over how many connections, no more than the limit gets through', async () => {
  const connections = fc.array(fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(connections, fc.integer({ min: 20_000, max: 1_000_000 }), async (takes, rate) => {
      const clock = createTestClock()
      const throttle = new Throttle(clock, () => rate)
      let passed = 0
      const under = new Set(takes.keys())
      const connection = async (sizes: readonly number[], index: number): Promise<void> => {
        for (const size of sizes) {
          await throttle.take(size, idle)
          passed += size
          const allowed = ((clock.monotonic() + THROTTLE_BURST_MS) * rate) / 1000
          assert.ok(passed <= allowed + 1, `${passed} bytes in ${clock.monotonic()} ms at ${rate} bytes a second`)
        }
        under.delete(index)
      }
      const all = Promise.all(takes.map(connection)).finally(() => under.clear())
      while (under.size > 0) await clock.advance(100)
      await all
      // And it does not dawdle: a turn longer than it must at the most.
      const total = takes.flat().reduce((sum, size) => sum + size, 0)
      assert.ok(clock.monotonic() <= (total / rate) * 1000 + 100 + 250)
    }),
    { numRuns: 30 },
  )
})

test('a limit that is lifted or changed goes at once, also for who waits', async () => {
  const clock = createTestClock()
  let rate = 10
  const throttle = new Throttle(clock, () => rate)
  let done = false
  const waiting = throttle.take(1_000_000, idle).then(() => (done = true))
  await clock.advance(10_000)
  assert.equal(done, false)
  rate = 0
  await clock.advance(250)
  assert.equal(done, true)
  await waiting
  await throttle.take(1_000_000_000, idle)
})

test('who waits says so while it lasts, and ends when aborted', async () => {
  const clock = createTestClock()
  const abort = new AbortController()
  let said = 0
  const waiting = new Throttle(clock, () => 1).take(1000, { signal: abort.signal, waiting: () => said++ })
  const ended = assert.rejects(waiting, (error) => error === abort.signal.reason || isSomaError(error))
  await clock.advance(3000)
  assert.ok(said > 10)
  abort.abort()
  await settle()
  await ended
})
