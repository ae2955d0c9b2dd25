import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Clock } from '@soma/core'
import { settle } from '@soma/testkit/clock'
import { Residency } from './residency.ts'
import { limits } from './test-residency.ts'

/** A clock that goes on by itself while it is read, as real ones do, and whose timers ring a moment early. */
class CreepingClock {
  elapsed = 0
  readonly #timers: Array<{ readonly at: number; readonly ring: () => void }> = []

  readonly clock = {
    now: () => this.elapsed,
    monotonic: () => (this.elapsed += 1),
    schedule: (delayMs: number, ring: () => void): Disposable => {
      const timer = { at: this.elapsed + delayMs, ring }
      this.#timers.push(timer)
      return { [Symbol.dispose]: () => void (this.#timers.includes(timer) && this.#timers.splice(this.#timers.indexOf(timer), 1)) }
    },
  } as unknown as Clock

  /** @returns whether a timer rang. */
  async ring(): Promise<boolean> {
    const [next] = this.#timers.sort((a, b) => a.at - b.at).splice(0, 1)
    this.elapsed = Math.max(this.elapsed, (next?.at ?? 0) - 1.5)
    next?.ring()
    await settle()
    return next !== undefined
  }
}

it('a moment that passes between a step and the planning of the next is not forgotten', async () => {
  const time = new CreepingClock()
  const unloaded: string[] = []
  const never = { signal: new AbortController().signal }
  const gone = (): { ended: Promise<unknown>; stop: () => Promise<unknown> } => {
    const { promise, resolve } = Promise.withResolvers<void>()
    return { ended: promise, stop: async () => resolve() }
  }
  const residency = new Residency(
    {
      clock: time.clock,
      limits: () => ({ memory: 8 }),
      most: () => ({ memory: 8 }),
      prepare: async () => ({ bytes: { memory: 5 }, async [Symbol.asyncDispose]() {} }),
      load: async () => ({ process: gone(), bytes: { memory: 5 }, seats: 1 }),
      reload: async (_model, process) => ({ process, bytes: { memory: 5 }, seats: 1 }),
      park: async () => ({ memory: 1 }),
      measure: async () => ({ memory: 5 }),
      opened() {},
      closed() {},
      refused: (_model, error) => assert.fail(error),
      unloaded: (model) => void unloaded.push(model),
    },
    limits,
  )
  residency.refreshLimits()
  ;(await residency.hold('b', 30_000, never)).release()
  const held = residency.hold('a', 30_000, never)
  await settle()
  for (let rings = 0; unloaded.length === 0 && rings < 20; rings++) assert.ok(await time.ring(), 'a waits for room, and nobody looks again')
  assert.deepEqual(unloaded, ['b'])
  assert.ok(time.elapsed < limits.idleMs, 'it came long before b would have left by itself')
  await held
  await residency.stop()
})
