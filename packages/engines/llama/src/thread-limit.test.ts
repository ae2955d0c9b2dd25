import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ThreadLimit } from './thread-limit.ts'

/** A machine of four CPUs on which others and we use some; time passes in seconds. */
function machine(most: number) {
  let [now, idleMs, ownMs, threads, samples] = [0, 0, 0, 0, 0]
  const cpuTimes = (): { idleMs: number; ownMs: number } => {
    samples++
    return { idleMs, ownMs }
  }
  const limit = new ThreadLimit({ clock: { monotonic: () => now }, cpuTimes }, most, (count) => (threads = count))
  return {
    limit,
    threads: () => threads,
    samples: () => samples,
    /** Lets a second pass in which others use so many CPUs, if they can get them. */
    second: (others: number): number => {
      const own = Math.min(threads, Math.max(4 - others, (4 * threads) / (others + threads)))
      now += 1000
      ownMs += 1000 * own
      idleMs += 1000 * Math.max(0, 4 - own - others)
      limit.adjust()
      return threads
    },
  }
}

test('all threads compute while there are CPUs for them, and one for each that is left when others come', () => {
  const { second, threads } = machine(4)
  assert.equal(threads(), 4)
  assert.deepEqual([second(0), second(2), second(2), second(3), second(3), second(16), second(16)], [4, 2, 2, 1, 1, 1, 1])
  assert.deepEqual([second(0), second(0)], [4, 4])
})

test('never more compute than the host granted, nor is anything measured for one', () => {
  assert.equal(machine(2).second(0), 2)
  const one = machine(1)
  const before = one.samples()
  assert.deepEqual([one.second(4), one.samples()], [1, before])
})
