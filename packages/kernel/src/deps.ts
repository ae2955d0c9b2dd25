import type { Clock, Log, Rng } from '@soma/core'

/** What every part of the kernel may use of the world. */
export interface KernelDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
}
