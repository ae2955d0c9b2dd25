import { keepMsAfterCall, nextWindow, noHabits, observe } from './adaptive.ts'
import type { Trace } from './test-traces.ts'

const HOUR = 3_600_000

/** What a policy costs on a trace: calls that found the model away, and for how long it was in memory. */
export interface Cost {
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

/** The adaptive residency, as it would have been. */
export function adaptive({ calls }: Trace): Cost {
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

/** Of all fixed timeouts that hold memory no longer than `heldMs`, the one with the fewest cold starts. */
export function bestTimeout(trace: Trace, heldMs: number): Cost & { readonly timeoutMs: number } {
  const timeouts = Array.from({ length: 400 }, (_, step) => 1000 * 1.03 ** step).filter((timeoutMs) => timeoutMs < 48 * HOUR)
  const rivals = timeouts.map((timeoutMs) => ({ timeoutMs, ...fixedTimeout(trace, timeoutMs) }))
  const noLonger = rivals.filter((rival) => rival.heldMs <= heldMs)
  return noLonger.reduce((one, other) => (other.cold < one.cold ? other : one))
}
