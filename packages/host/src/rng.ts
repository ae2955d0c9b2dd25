import { randomFillSync } from 'node:crypto'
import type { Rng } from '@soma/core'
import { RNG_POOL_BYTES } from './limits.ts'

/** Cryptographic randomness. Pooled, because ids are made on the hot path and each trip to the kernel costs a microsecond. */
export const systemRng: Rng = createSystemRng()

function createSystemRng(): Rng {
  const pool = new Uint8Array(RNG_POOL_BYTES)
  let used = RNG_POOL_BYTES
  const bytes = (count: number): Uint8Array => {
    if (count > RNG_POOL_BYTES / 4) return randomFillSync(new Uint8Array(count))
    if (used + count > RNG_POOL_BYTES) {
      randomFillSync(pool)
      used = 0
    }
    const taken = pool.slice(used, used + count)
    // What was handed out must not be readable from here a second time.
    pool.fill(0, used, used + count)
    used += count
    return taken
  }
  return { bytes, float: () => toFloat(bytes(7)) }
}

/** 53 bits, the most a double in [0, 1) holds evenly spaced. */
function toFloat(bytes: Uint8Array): number {
  let value = (bytes[0] ?? 0) & 0x1f
  for (const byte of bytes.subarray(1)) value = value * 256 + byte
  return value / 2 ** 53
}
