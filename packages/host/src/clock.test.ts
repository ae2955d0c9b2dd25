import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { SomaError } from '@soma/core'
import { systemClock } from './clock.ts'
import { TIMER_MS_MAX } from './limits.ts'

test('a sleep ends after its time, and at once when its signal aborts', async () => {
  const started = systemClock.monotonic()
  await systemClock.sleep(20)
  assert.ok(systemClock.monotonic() - started >= 19)
  const reason = new SomaError('call/timeout', 'enough')
  await assert.rejects(systemClock.sleep(60_000, { signal: AbortSignal.abort(reason) }), reason)
  const abort = new AbortController()
  const sleeping = systemClock.sleep(60_000, { signal: abort.signal })
  abort.abort(reason)
  await assert.rejects(sleeping, reason)
  await assert.rejects(systemClock.sleep(60_000, { signal: AbortSignal.abort() }), { code: 'call/cancelled' })
})

test('a scheduled callback is not run once disposed', async () => {
  let ran = 0
  const timer = systemClock.schedule(5, () => (ran += 1))
  timer[Symbol.dispose]()
  await systemClock.sleep(15)
  assert.equal(ran, 0)
})

test('delays longer than setTimeout takes are waited for, not run at once', (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.after(() => mock.timers.reset())
  let ran = 0
  using _timer = systemClock.schedule(3 * TIMER_MS_MAX, () => (ran += 1))
  for (const expected of [0, 0, 1]) {
    now += TIMER_MS_MAX
    mock.timers.tick(TIMER_MS_MAX)
    assert.equal(ran, expected)
  }
})
