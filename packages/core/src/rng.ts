/** Randomness as a dependency. The host's is cryptographic; the simulator's is seeded. */
export interface Rng {
  /** `count` random bytes. */
  bytes(count: number): Uint8Array
  /** A float in [0, 1). */
  float(): number
}

const idAlphabet = '0123456789abcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 16

/** `<prefix>_` and 16 base-36 characters, 82 bits: ids do not collide within one installation. */
export function randomId(rng: Rng, prefix: string): string {
  let id = `${prefix}_`
  while (id.length < prefix.length + 1 + ID_LENGTH) {
    // 252 is the largest multiple of 36 below 256: bytes above it would favour the first letters.
    for (const byte of rng.bytes(ID_LENGTH)) if (byte < 252 && id.length < prefix.length + 1 + ID_LENGTH) id += idAlphabet[byte % 36]
  }
  return id
}

/** An integer in [0, `limit`). */
export function randomInteger(rng: Rng, limit: number): number {
  return Math.floor(rng.float() * limit)
}

/** Deterministic randomness for simulations: mulberry32, 32 bits of state. Never for secrets. */
export function createSeededRng(seed: number): Rng {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    float: () => next() / 2 ** 32,
    bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
  }
}
