import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RNG_POOL_BYTES } from './limits.ts'
import { systemRng } from './rng.ts'

test('bytes are as many as asked for and do not repeat, in and over the pool', () => {
  const seen = new Set<string>()
  for (let count = 0; count < 3 * RNG_POOL_BYTES; count += 16) seen.add(Buffer.from(systemRng.bytes(16)).toString('hex'))
  assert.equal(seen.size, (3 * RNG_POOL_BYTES) / 16)
  for (const count of [0, 1, RNG_POOL_BYTES / 4, RNG_POOL_BYTES + 1]) assert.equal(systemRng.bytes(count).byteLength, count)
})

test('floats are in [0, 1) and spread evenly', () => {
  const buckets = Array.from({ length: 10 }, () => 0)
  for (let count = 0; count < 20_000; count++) {
    const value = systemRng.float()
    assert.ok(value >= 0 && value < 1)
    buckets[Math.floor(value * 10)]! += 1
  }
  // 2000 expected, standard deviation 42: nine of them either way happens once in 10^18 runs.
  for (const count of buckets) assert.ok(Math.abs(count - 2000) < 9 * 42, String(buckets))
})
