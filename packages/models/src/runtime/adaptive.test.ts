import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { adaptive, bestTimeout } from './test-policies.ts'
import { cron, officeHours, periodic } from './test-traces.ts'
import { keepMsAfterCall, nextWindow, noHabits, observe } from './adaptive.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('the adaptive residency', () => {
  for (const trace of [periodic(), officeHours(), cron()])
    it(`beats every fixed timeout on the trace ${trace.name}: whichever holds memory no longer has more cold starts`, () => {
      const own = adaptive(trace)
      const best = bestTimeout(trace, own.heldMs)
      assert.ok(own.cold < best.cold, `adaptive ${JSON.stringify(own)}, a timeout of ${best.timeoutMs / 1000} s ${JSON.stringify(best)}`)
    })

  it('keeps a model for a while at first, and lets it go at once when calls never come soon', () => {
    let habits = noHabits
    for (let day = 0; day < 3; day++) habits = observe(habits, day * 24 * HOUR)
    assert.equal(keepMsAfterCall(habits), 300_000)
    for (let day = 3; day < 6; day++) habits = observe(habits, day * 24 * HOUR)
    assert.equal(keepMsAfterCall(habits), 0)
  })

  it('expects a call when one came so long after the last before, and not what was seen once', () => {
    let habits = noHabits
    for (const at of [0, 10, 20, 30, 40]) habits = observe(habits, at * MINUTE)
    habits = observe(habits, 100 * MINUTE)
    const window = nextWindow(habits, 105 * MINUTE)
    assert.ok(window && window.from < 110 * MINUTE && window.to > 110 * MINUTE, JSON.stringify(window))
    assert.equal(nextWindow(habits, 120 * MINUTE), undefined)
  })
})
