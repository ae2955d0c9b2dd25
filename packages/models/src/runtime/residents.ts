import type { Clock } from '@soma/core'
import type { CallOutput, Resident } from '@soma/spec'
import { leavesAt } from './leave-times.ts'
import type { NameOf } from './history.ts'
import type { ModelHost } from './model-host.ts'
import type { Place } from './residency-state.ts'
import { whyHere } from './why.ts'

export type Budget = CallOutput<'model.resident'>['budgets'][number]

export interface ResidentsDeps {
  readonly clock: Clock
  readonly host: ModelHost
  /** Calls of a model that wait or run. */
  count(model: string): { readonly waiting: number; readonly running: number }
}

/** Models in memory, on their way, or waited for, and why. */
export class Residents {
  readonly #deps: ResidentsDeps

  constructor(deps: ResidentsDeps) {
    this.#deps = deps
  }

  list(nameOf: NameOf): Resident[] {
    return [...this.#deps.host.residency.state.places.keys()].sort().map((model) => this.of(model, nameOf))
  }

  /** @param fallback its engine and device when nothing of it is in memory. */
  of(model: string, nameOf: NameOf, fallback = { engine: '', device: 'cpu' }): Resident {
    const { host } = this.#deps
    const { state } = host.residency
    const place = state.places.get(model)
    const process = host.residency.processOf(model)
    const setting = host.residencyOf(model)
    const leaves = leavesAt(state, model, host.limits)
    return {
      model,
      engine: process?.descriptor.id ?? (fallback.engine || host.engineNameOf(model)),
      device: process?.device ?? fallback.device,
      residency: { ...setting },
      state: place?.phase ?? 'absent',
      why: whyHere(state, place, { setting, last: host.history.last(model)?.why, nameOf }),
      memoryBytes: this.#bytesOf(model, place),
      ...this.#deps.count(model),
      loadedAt: place && isLoaded(place) ? this.#epoch(place.readyAt) : null,
      usedAt: place && isLoaded(place) && !place.isFresh ? this.#epoch(place.usedAt) : null,
      leavesAt: Number.isFinite(leaves) ? this.#epoch(leaves) : null,
      pid: process?.pid ?? null,
    }
  }

  budgets(): Budget[] {
    this.#deps.host.residency.refreshLimits()
    return this.known()
  }

  /** As last looked at. */
  known(): Budget[] {
    return this.#deps.host.budgets()
  }

  #bytesOf(model: string, place: Place | undefined): number {
    const { known } = this.#deps.host.residency.state
    const held = place && isLoaded(place) ? place.bytes : (place?.needs ?? known.get(model)?.needs ?? {})
    return Math.round(Object.values(held).reduce((sum, bytes) => sum + bytes, 0))
  }

  /** Of a time on the clock that never goes back. */
  #epoch(at: number): number {
    const { clock } = this.#deps
    return Math.max(0, Math.round(clock.now() - clock.monotonic() + at))
  }
}

function isLoaded({ phase }: Place): boolean {
  return phase !== 'waiting' && phase !== 'loading'
}
