import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budgets } from './budgets.ts'
import { cannotFit } from './residency-errors.ts'

const GIBIBYTE = 2 ** 30
const refusal = (reason: 'too-large' | 'pinned', needs: number, limits: number, most: number) =>
  cannotFit('a', { reason, needs: { memory: needs }, limits: { memory: limits }, most: { memory: most }, smaller: [] })

test('what never fits is not worth another try; what others hold now is, later', () => {
  const never = refusal('too-large', 9 * GIBIBYTE, 4 * GIBIBYTE, 8 * GIBIBYTE)
  assert.deepEqual([never.retryable, never.details['retryAfterMs']], [false, undefined])
  assert.match(never.message, /models may use 4096 MiB there$/)
  const programs = refusal('too-large', 7 * GIBIBYTE, 4 * GIBIBYTE, 8 * GIBIBYTE)
  assert.deepEqual([programs.retryable, programs.details['retryAfterMs']], [true, 15_000])
  assert.match(programs.message, /4096 MiB there now, and other programs hold the rest/)
  const pinned = refusal('pinned', 3 * GIBIBYTE, 4 * GIBIBYTE, 8 * GIBIBYTE)
  assert.deepEqual([pinned.retryable, pinned.details['retryAfterMs']], [true, 60_000])
})

test('the most that models may ever use is the machine without its reserve, or what was configured, and each accelerator’s memory', () => {
  const facts = {
    platform: 'linux',
    arch: 'x64',
    cpus: 2,
    memoryBytes: 8 * GIBIBYTE,
    memoryAvailableBytes: GIBIBYTE,
    accelerators: [
      { id: 'cuda:0', name: 'one', unified: false, memoryBytes: 4 * GIBIBYTE, memoryFreeBytes: GIBIBYTE },
      { id: 'gpu:0', name: 'part of memory', unified: true, memoryBytes: 4 * GIBIBYTE, memoryFreeBytes: GIBIBYTE },
    ],
  } as const
  const most = (memoryBytesMax: number) =>
    new Budgets(
      () => facts as never,
      () => 0,
      { memoryBytesMax, memoryReserveBytes: GIBIBYTE },
    ).most()
  assert.deepEqual(most(0), { memory: 7 * GIBIBYTE, 'cuda:0': 4 * GIBIBYTE })
  assert.deepEqual(most(2 * GIBIBYTE), { memory: 2 * GIBIBYTE, 'cuda:0': 4 * GIBIBYTE })
})
