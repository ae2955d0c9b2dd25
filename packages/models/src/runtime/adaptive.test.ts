import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Trace, cron, officeHours, periodic } from './test-traces.ts'
import { keepMsAfterCall, nextWindow, noHabits, observe } from './adaptive.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** What a policy costs on a trace: calls that found the model away, and for how long it was in memory. */
interface Cost {
  cold: number
  heldMs: number
}

function fixedTimeout({ calls }: Trace, timeoutMs: number): Cost {
  const cost = { cold: 1, heldMs: timeoutMs }
  for (const [index, at] of calls.slice(1).entries()) {
    const gap = at - (calls[index] ?? 0)
    if (gap > timeoutMs) cost.cold += 1
    cost.heldMs += Math.min(gap, timeoutMs)
  }
  return cost
}

function adaptive({ calls }: Trace): Cost {
  const cost = { cold: 1, heldMs: 0 }
  let habits = noHabits
  for (const [index, at] of calls.entries()) {
    habits = observe(habits, at)
    const next = calls[index + 1]
    if (next === undefined) break
    const { isMet, heldMs } = waitFor(next, at + keepMsAfterCall(habits), at, (after) => nextWindow(habits, after))
    cost.heldMs += heldMs
    if (!isMet) cost.cold += 1
  }
  return cost
}

/** From a call to the next: held until `until`, then in the windows. */
function waitFor(
  next: number,
  until: number,
  from: number,
  windowAfter: (after: number) => { from: number; to: number } | undefined,
): { isMet: boolean; heldMs: number } {
  if (next <= until) return { isMet: true, heldMs: next - from }
  let heldMs = until - from
  let after = until
  for (;;) {
    const window = windowAfter(after)
    if (!window || window.from >= next) return { isMet: false, heldMs }
    const begin = Math.max(window.from, after)
    if (next <= window.to) return { isMet: true, heldMs: heldMs + next - begin }
    heldMs += window.to - begin
    after = window.to
  }
}

describe('the adaptive residency', () => {
  for (const trace of [periodic(), officeHours(), cron()])
    it(`beats every fixed timeout on the trace ${trace.name}: whichever holds memory no longer has more cold starts`, () => {
      const own = adaptive(trace)
      const timeouts = Array.from({ length: 400 }, (_, step) => 1000 * 1.03 ** step).filter((timeoutMs) => timeoutMs < 48 * HOUR)
      const rivals = timeouts.map((timeoutMs) => ({ timeoutMs, ...fixedTimeout(trace, timeoutMs) }))
      const noLonger = rivals.filter(({ heldMs }) => heldMs <= own.heldMs)
      const best = noLonger.reduce((one, other) => (other.cold < one.cold ? other : one))
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
