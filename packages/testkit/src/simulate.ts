import { type Rng, createSeededRng, randomInteger } from '@soma/core'

export interface Simulation {
  readonly rng: Rng
  /** One of `items`. */
  readonly pick: <T>(items: readonly T[]) => T
  /** An integer in [0, limit). */
  readonly integer: (limit: number) => number
  readonly chance: (probability: number) => boolean
}

/** What CI begins all its random tests from, so that it tries the same cases every time. */
export const CI_SEED = 20261121

/**
 * Runs `scenario` under many seeds: the same in CI every time, others elsewhere. A failure says which one;
 * `SOMA_SEED=<seed>` runs just that one again.
 */
export async function simulate(runs: number, scenario: (simulation: Simulation, seed: number) => Promise<void> | void): Promise<void> {
  const first = testSeed()
  for (let seed = first; seed < first + (process.env['SOMA_SEED'] === undefined ? runs : 1); seed++) {
    try {
      await scenario(createSimulation(seed), seed)
    } catch (cause) {
      throw new Error(`failed with seed ${seed}; run again with SOMA_SEED=${seed}: ${(cause as Error).message}`, { cause })
    }
  }
}

/** What a test with random parts begins from: `SOMA_SEED`; in CI the same every time; else another each time. */
export function testSeed(): number {
  const { SOMA_SEED, CI } = process.env
  if (SOMA_SEED !== undefined) return Number(SOMA_SEED)
  return CI ? CI_SEED : Math.floor(Math.random() * 2 ** 31)
}

function createSimulation(seed: number): Simulation {
  const rng = createSeededRng(seed)
  return {
    rng,
    integer: (limit) => randomInteger(rng, limit),
    chance: (probability) => rng.float() < probability,
    pick: (items) => {
      if (items.length === 0) throw new Error('nothing to pick from')
      return items[randomInteger(rng, items.length)] as (typeof items)[number]
    },
  }
}
