import { type Bytes, isNothing, minus, overlap } from './budget.ts'
import { type Place, type ResidencyLimits, type ResidencyState, isIdle, settingOf } from './residency-state.ts'

export type View = Pick<ResidencyState, 'places' | 'settings' | 'known'>

/** Who needs room. */
export interface Claim {
  readonly model: string
  readonly due: number
  readonly since: number
}

/**
 * The models that leave so that `missing` becomes free: parked processes first, then idle models, then those that are to stay,
 * then those whose turn is over; among equals the one that frees most, was unused longest and comes back soonest.
 * @returns undefined when those that may leave are not enough.
 */
export function chooseVictims(
  view: View,
  missing: Bytes,
  mayLeave: (model: string, place: Place) => boolean,
  now: number,
): string[] | undefined {
  const candidates = [...view.places]
    .filter(
      ([model, place]) =>
        (place.phase === 'ready' || place.phase === 'parked') && overlap(place.bytes, missing) > 0 && mayLeave(model, place),
    )
    .map(([model, place]) => ({
      model,
      bytes: place.bytes,
      tier: tierOf(view, model, place),
      score: scoreOf(view, { model, place, missing, now }),
    }))
    .sort((a, b) => a.tier - b.tier || b.score - a.score)
  let left = missing
  const chosen: typeof candidates = []
  for (const candidate of candidates) {
    if (isNothing(left)) break
    if (overlap(candidate.bytes, left) === 0) continue
    chosen.push(candidate)
    left = minus(left, candidate.bytes)
  }
  return isNothing(left) ? withoutNeedless(chosen, left).map(({ model }) => model) : undefined
}

/** A large one that came last may make earlier small ones needless. `left` is what is missing, below zero where there is more than enough. */
function withoutNeedless<T extends { readonly bytes: Bytes }>(chosen: readonly T[], left: Bytes): T[] {
  let spare = left
  return chosen.filter(({ bytes }) => {
    const without: Record<string, number> = { ...spare }
    for (const device of Object.keys(spare)) without[device] = (spare[device] ?? 0) + (bytes[device] ?? 0)
    if (!isNothing(without)) return true
    spare = without
    return false
  })
}

function tierOf({ settings }: View, model: string, place: Place): number {
  if (!isIdle(place)) return 3
  if (place.phase === 'parked') return 0
  return settings.get(model)?.mode === 'persistent' ? 2 : 1
}

function scoreOf(
  { known }: View,
  { model, place, missing, now }: { readonly model: string; readonly place: Place; readonly missing: Bytes; readonly now: number },
): number {
  const reloadMs = Math.max(1, known.get(model)?.loadMs ?? 1)
  return (overlap(place.bytes, missing) * (now - place.usedAt + 1)) / reloadMs
}

/**
 * When a model has to leave for a claim, at the earliest: an idle one after a short while, one in use once its calls have gone
 * first for long enough, and as soon as its turn is over where the claim is far more urgent. Infinity when never.
 */
export function leavesFor(claim: Claim, view: View, model: string, limits: ResidencyLimits): number {
  const place = view.places.get(model)
  if (!place || model === claim.model || settingOf(view, model, limits).pinned) return Infinity
  if (place.phase !== 'ready' && place.phase !== 'parked') return Infinity
  // Loading it was in vain if it left before the calls that it was loaded for.
  if (place.isFresh && place.want) return Infinity
  const isUrgent = claim.due + limits.urgentMs <= (place.want?.due ?? place.lastDue)
  const afterTurn = Math.max(isUrgent ? -Infinity : claim.since + limits.collateMs, place.turnEndsAt)
  return isIdle(place) ? Math.min(afterTurn, place.phase === 'parked' ? -Infinity : place.usedAt + limits.gapMs) : afterTurn
}
