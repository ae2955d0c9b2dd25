import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OWNER, silentLog } from '@soma/core'
import { systemClock, systemRng } from '@soma/host'
import { createKernel } from '@soma/kernel'
import type { Caller } from '@soma/spec'
import { openStore } from '@soma/store'
import { type Row, timed } from '../measure.ts'

const BATCH = 2000
const owner: Caller = { principal: OWNER, face: 'internal' }
const input = { payload: { text: 'hello', n: 42 } }

export const dispatch: Row = {
  name: 'dispatch',
  what: 'kernel.dispatch of an echo call in process: schema, capability, quota, audit, one commit per 50 ms',
  against: 'a bare async function call',
  unit: 'µs',
  target: 'p50 ≤ 15 µs, ≥ 60,000 calls/s',
  met: (ours, _reference, { 'calls/s': rate = 0 }) => ours.p50 <= 15 && rate >= 60_000,
  async setUp() {
    const directory = await mkdtemp(join(tmpdir(), 'soma-bench-'))
    const store = await openStore({ clock: systemClock, rng: systemRng, log: silentLog }, { directory })
    const kernel = createKernel({ store, clock: systemClock, rng: systemRng, log: silentLog }, { 'system.echo': (echoed) => echoed })
    const bare = async (echoed: unknown): Promise<unknown> => echoed
    const batches: number[] = []
    const rate = async (): Promise<number> => {
      // One turn of the loop a batch, so that the group commits that a daemon makes are part of the figure.
      const perCallMs = await timed(BATCH, () => kernel.dispatch(owner, 'system.echo', input))
      await new Promise((resolve) => setImmediate(resolve))
      batches.push(perCallMs * 1000)
      return perCallMs * 1000
    }
    return {
      ours: rate,
      reference: async () => (await timed(BATCH, () => bare(input))) * 1000,
      warmups: 5,
      samples: 60,
      extra: () => ({ 'calls/s': (1e6 * batches.length) / batches.reduce((sum, batch) => sum + batch, 0) }),
      [Symbol.asyncDispose]: async () => {
        await kernel.drain({ drainMs: 0 })
        kernel.stop()
        store[Symbol.dispose]()
        await rm(directory, { recursive: true, force: true })
      },
    }
  },
}
