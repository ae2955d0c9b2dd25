import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createTestClock, settle } from '@soma/testkit/clock'
import { MEASURE_PAUSE_MS } from './limits.ts'
import { Residency } from './residency.ts'
import { limits } from './test-residency.ts'

it('what a model takes is measured after its first call, however soon after its load, and then once in a while, the last use included', async () => {
  const clock = createTestClock()
  let measurements = 0
  const gone = (): { ended: Promise<unknown>; stop: () => Promise<unknown> } => {
    const { promise, resolve } = Promise.withResolvers<void>()
    return { ended: promise, stop: async () => resolve() }
  }
  const residency = new Residency(
    {
      clock,
      limits: () => ({ memory: 8 }),
      most: () => ({ memory: 8 }),
      prepare: async () => ({ bytes: { memory: 2 }, async [Symbol.asyncDispose]() {} }),
      load: async () => ({ process: gone(), bytes: { memory: 2 }, seats: 1 }),
      reload: async (_model, process) => ({ process, bytes: { memory: 2 }, seats: 1 }),
      park: async () => ({ memory: 1 }),
      measure: async () => ({ memory: 2 + ++measurements }),
      opened() {},
      closed() {},
      refused: (_model, error) => assert.fail(error),
      unloaded() {},
    },
    limits,
  )
  residency.refreshLimits()
  const call = async (): Promise<number> => {
    const lease = await residency.hold('a', 30_000, { signal: new AbortController().signal })
    lease.release()
    await settle()
    return measurements
  }
  assert.equal(await call(), 1)
  assert.equal(await call(), 1)
  await clock.advance(MEASURE_PAUSE_MS)
  await settle()
  assert.equal(measurements, 2)
  await clock.advance(MEASURE_PAUSE_MS)
  assert.equal(await call(), 3)
  await residency.stop()
})
