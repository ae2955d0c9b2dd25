import { adaptive, bestTimeout } from '../../packages/models/src/runtime/test-policies.ts'
import { type Trace, cron, officeHours, periodic } from '../../packages/models/src/runtime/test-traces.ts'
import type { Row } from '../measure.ts'

/** Counted, not timed: the same trace gives the same figures. */
function rowOf(trace: Trace): Row {
  const own = adaptive(trace)
  return {
    name: `adaptive-${trace.name.replaceAll(' ', '-')}`,
    what: `cold starts of the adaptive residency on the trace "${trace.name}"`,
    against: 'the best fixed timeout that holds memory no longer',
    unit: 'loads',
    target: 'fewer',
    met: (ours, reference) => ours.p50 < reference.p50,
    setUp: async () => ({
      ours: () => own.cold,
      reference: () => bestTimeout(trace, own.heldMs).cold,
      warmups: 0,
      samples: 1,
      extra: () => ({ calls: trace.calls.length, 'hours in memory': own.heldMs / 3_600_000 }),
      async [Symbol.asyncDispose]() {},
    }),
  }
}

export const adaptiveRows: readonly Row[] = [periodic(), officeHours(), cron()].map(rowOf)
