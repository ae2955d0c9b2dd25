import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createTestClock } from '@soma/testkit/clock'
import { STALL_MS } from './limits.ts'
import { StallWatch } from './stall.ts'

describe('stall watch', () => {
  it('aborts an attempt that receives nothing, and leaves one alone that does', async () => {
    const clock = createTestClock()
    const abort = new AbortController()
    using stall = new StallWatch(clock, abort)
    for (let round = 0; round < 10; round++) {
      await clock.advance(STALL_MS * 0.7)
      stall.moved()
    }
    assert.equal(abort.signal.aborted, false)
    await clock.advance(STALL_MS * 1.5)
    assert.match(String(abort.signal.reason), /nothing came/)
    stall[Symbol.dispose]()
    assert.equal(clock.pending, 0)
  })
})
