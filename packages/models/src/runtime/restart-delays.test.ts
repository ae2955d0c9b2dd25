import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSeededRng, isSomaError } from '@soma/core'
import { createTestClock } from '@soma/testkit/clock'
import { RESTART_DELAY_MS, RESTART_DELAY_MS_MAX, RESTART_JITTER, RESTART_RECORDS_MAX } from './limits.ts'
import { RestartDelays } from './restart-delays.ts'

function retryAfterMs(delays: RestartDelays, model: string): number {
  try {
    delays.check('echo', model)
    return 0
  } catch (error) {
    assert.ok(isSomaError(error, 'engine/not-ready') && error.retryable)
    return error.details['retryAfterMs'] as number
  }
}

describe('restart delays', () => {
  it('let the first crash pass, then double up to a limit, spread by the jitter', () => {
    const delays = new RestartDelays({ clock: createTestClock(), rng: createSeededRng(1) })
    const waits = Array.from({ length: 12 }, () => {
      delays.failed('echo', 'a')
      return retryAfterMs(delays, 'a')
    })
    assert.equal(waits[0], 0)
    for (const [index, wait] of waits.slice(1).entries()) {
      const middle = Math.min(RESTART_DELAY_MS * 2 ** index, RESTART_DELAY_MS_MAX)
      assert.ok(Math.abs(wait - middle) <= middle * RESTART_JITTER + 1, `${wait} is not around ${middle}`)
    }
    assert.equal(retryAfterMs(delays, 'b'), 0, 'other models do not wait')
  })

  it('are over with time, and forgotten after a success', () => {
    const clock = createTestClock()
    const delays = new RestartDelays({ clock, rng: createSeededRng(2) })
    for (let crash = 0; crash < 3; crash++) delays.failed('echo', 'a')
    clock.skip(retryAfterMs(delays, 'a'))
    assert.equal(retryAfterMs(delays, 'a'), 0)
    delays.succeeded('echo', 'a')
    delays.failed('echo', 'a')
    assert.equal(retryAfterMs(delays, 'a'), 0, 'this one counts as the first')
  })

  it('remember a bounded number of models', () => {
    const delays = new RestartDelays({ clock: createTestClock(), rng: createSeededRng(3) })
    for (let crash = 0; crash < 2; crash++) delays.failed('echo', 'first')
    for (let model = 0; model < RESTART_RECORDS_MAX; model++) delays.failed('echo', `model-${model}`)
    assert.equal(retryAfterMs(delays, 'first'), 0)
  })
})
