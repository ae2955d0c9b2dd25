import { type Bytes, excess, isNothing, minus, plus, total } from './budget.ts'
import type { Place, ResidencyState } from './residency-state.ts'
import type { Claim } from './victims.ts'

/** A model that waits for room, and knows how much. */
export interface OpenClaim extends Claim {
  readonly place: Place
  /** Of all its parts, when it is loaded. */
  readonly needs: Bytes
}

/** Most urgent first, then first come. What comes in without a call comes last. */
export function openClaims({ places }: Pick<ResidencyState, 'places'>): OpenClaim[] {
  const claims: OpenClaim[] = []
  for (const [model, place] of places) {
    const waits = place.phase === 'waiting' || (place.phase === 'parked' && place.want !== null)
    if (!waits || !place.needs) continue
    claims.push({ model, place, needs: place.needs, due: place.want?.due ?? Infinity, since: place.want?.since ?? Infinity })
  }
  return claims.sort((a, b) => compare(a.due, b.due) || compare(a.since, b.since) || a.place.instance - b.place.instance)
}

/** Both may be infinite, where a difference would be no number. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}

/** The books of one moment: what is taken, what is about to be given back, and what is promised. */
export class Books {
  readonly #limits: Bytes
  used: Bytes
  leaving: Bytes
  /** To claims that wait for what is leaving. */
  #promised: Bytes = {}
  readonly #spoken = new Set<string>()

  constructor({ places, limits }: Pick<ResidencyState, 'places' | 'limits'>) {
    const all = [...places.values()]
    this.#limits = limits
    this.used = total(all.map(({ bytes }) => bytes))
    this.leaving = total(all.filter(({ phase }) => phase === 'draining' || phase === 'unloading').map(({ bytes }) => bytes))
  }

  /** Now, and also once all who were promised room have come. */
  fits(extra: Bytes): boolean {
    return isNothing(excess(plus(this.used, extra), this.#limits)) && isNothing(this.missing(extra))
  }

  /** What has to leave, beside what is leaving already, before there is room for this and all that was promised before. */
  missing(extra: Bytes): Bytes {
    return excess(minus(plus(plus(this.used, this.#promised), extra), this.leaving), this.#limits)
  }

  get isPromised(): boolean {
    return !isNothing(this.#promised)
  }

  promise(extra: Bytes): void {
    this.#promised = plus(this.#promised, extra)
  }

  take(extra: Bytes): void {
    this.used = plus(this.used, extra)
  }

  /** Set aside for a claim before. */
  isSpoken(model: string): boolean {
    return this.#spoken.has(model)
  }

  leaves(model: string, bytes: Bytes): void {
    this.#spoken.add(model)
    this.leaving = plus(this.leaving, bytes)
  }
}
