import { type Place, type ResidencyLimits, type ResidencyState, isIdle, settingOf } from './residency-state.ts'
import { leavesFor } from './victims.ts'
import { type OpenClaim, openClaims } from './claims.ts'

/** When a model that nobody calls leaves; Infinity when never, as a pinned one, and while it is in use. */
export function leavesAt(state: ResidencyState, model: string, limits: ResidencyLimits): number {
  const place = state.places.get(model)
  if (!place || !isIdle(place) || place.phase !== 'ready' || settingOf(state, model, limits).pinned) return Infinity
  const at = place.usedAt + keepMs(state, model, place, limits)
  return state.isHeld ? Math.min(at, place.usedAt + limits.heldIdleMs) : at
}

function keepMs(state: ResidencyState, model: string, place: Place, limits: ResidencyLimits): number {
  const { idleMs } = limits
  const setting = settingOf(state, model, limits)
  if (setting.mode === 'persistent') return Infinity
  // One that was loaded by hand waits for its first call.
  if (setting.mode === 'dynamic') return place.isFresh ? idleMs : 0
  if (setting.mode === 'adaptive') return state.plans.get(model)?.keepMs ?? idleMs
  return setting.seconds === undefined ? idleMs : setting.seconds * 1000
}

/** When a model that is away is to be brought back without a call; Infinity when never. */
export function returnsAt(state: ResidencyState, model: string): number {
  const { settings, plans, retryAt, isHeld, isPressed, places } = state
  if (isHeld || isPressed || places.has(model)) return Infinity
  const mode = settings.get(model)?.mode
  const wantedAt = mode === 'persistent' ? -Infinity : mode === 'adaptive' ? (plans.get(model)?.expectAt ?? Infinity) : Infinity
  return Math.max(wantedAt, retryAt.get(model) ?? -Infinity)
}

/** When `tick` is due next; undefined when nothing waits for time to pass. */
export function nextTickAt(state: ResidencyState, now: number, limits: ResidencyLimits): number | undefined {
  const times = [
    ...[...state.places.keys()].map((model) => leavesAt(state, model, limits)),
    ...[...state.settings.keys()].map((model) => returnsAt(state, model)).filter((at) => at > now),
    ...openClaims(state).flatMap((claim) => yieldTimes(state, claim, limits).filter((at) => at > now)),
  ].filter((at) => Number.isFinite(at))
  return times.length === 0 ? undefined : Math.min(...times)
}

function yieldTimes(state: ResidencyState, claim: OpenClaim, limits: ResidencyLimits): number[] {
  return [...state.places.keys()].map((model) => leavesFor(claim, state, model, limits))
}
