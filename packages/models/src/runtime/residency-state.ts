import type { ResidencySetting } from '@soma/spec'
import type { Bytes } from './budget.ts'

/** Times by which models come and go; `limits.ts` has the reasons. */
export interface ResidencyLimits {
  /** How long calls of models in memory go before a model that waits for room. */
  readonly collateMs: number
  /** A claim that is overdue so much earlier does not wait for that. */
  readonly urgentMs: number
  /** A model used so short a time ago is expected to be used again. */
  readonly gapMs: number
  /** Bound of a turn, see `Place.turnEndsAt`. */
  readonly turnMsMax: number
  /** Of a model that wants to stay in memory and could not be loaded. */
  readonly retryMs: number
  /** While something in the foreground has the machine: an idle model leaves after this. */
  readonly heldIdleMs: number
  /** Of models for which nothing was set. */
  readonly fallback: ResidencySetting
  /** Idle time of `timeout` and `swap` where the setting names none. */
  readonly idleMs: number
  readonly knownMax: number
}

/**
 * - waiting: for its estimate, or for room
 * - draining: takes no calls any more, and leaves when the running ones are done
 * - parked: the weights are gone, the process is there
 */
export type Phase = 'waiting' | 'loading' | 'ready' | 'draining' | 'unloading' | 'parked'
export type UnloadReason = 'idle' | 'room' | 'asked' | 'abandoned' | 'pressure' | 'foreground'

/** How a model leaves. */
export interface Leaving {
  readonly to: 'end' | 'park'
  readonly reason: UnloadReason
  /** Of `room`: who needs it. */
  readonly by?: string | undefined
}

/** Calls wait for a model. */
export interface Want {
  /** When the most urgent of them becomes overdue: who comes first gets room first. */
  readonly due: number
  /** Since when none of them could start. */
  readonly since: number
}

/** A model that is in memory, or on its way there. */
export interface Place {
  readonly phase: Phase
  /** Tells this stay from an earlier one of the same model: late events of that one are ignored. */
  readonly instance: number
  /** What it counts for now. */
  readonly bytes: Bytes
  /** What loading takes; null until somebody knows. */
  readonly needs: Bytes | null
  /** Calls that use it now. It never leaves while there are any. */
  readonly users: number
  readonly want: Want | null
  /** Brought in although nobody calls it: for that nothing else has to leave. */
  readonly isExtra: boolean
  /** Loaded, and not used yet. */
  readonly isFresh: boolean
  /** Of the call that began to use it last. */
  readonly lastDue: number
  readonly loadBeganAt: number
  readonly readyAt: number
  readonly usedAt: number
  /**
   * Until then it need not leave for a model that is no more urgent: as long as its load took, so that swapping never costs
   * more time than serving.
   */
  readonly turnEndsAt: number
  /** An unload was asked for while it was loading. */
  readonly isAsked: boolean
  readonly leaving: Leaving | null
}

/** What was learned of a model, kept while it is away. */
export interface Known {
  readonly needs: Bytes
  readonly loadMs: number
}

/** What an adaptive model's history says. */
export interface Plan {
  /** Idle time after which it leaves. */
  readonly keepMs: number
  /** When it is expected to be called; null when nobody knows. */
  readonly expectAt: number | null
}

export interface ResidencyState {
  readonly places: ReadonlyMap<string, Place>
  readonly settings: ReadonlyMap<string, ResidencySetting>
  readonly known: ReadonlyMap<string, Known>
  readonly plans: ReadonlyMap<string, Plan>
  /** Until then a model that wants to stay in memory is left alone. */
  readonly retryAt: ReadonlyMap<string, number>
  readonly limits: Bytes
  readonly isHeld: boolean
  readonly isPressed: boolean
  readonly lastInstance: number
}

export type ResidencyEvent =
  | { readonly type: 'want'; readonly model: string; readonly due: number }
  | { readonly type: 'unwant'; readonly model: string }
  | { readonly type: 'use'; readonly model: string; readonly instance: number; readonly due: number }
  | { readonly type: 'release'; readonly model: string; readonly instance: number }
  | { readonly type: 'estimated'; readonly model: string; readonly instance: number; readonly bytes: Bytes }
  | { readonly type: 'loaded'; readonly model: string; readonly instance: number; readonly bytes: Bytes }
  /** `isShort`: it could fit once another model has left. */
  | { readonly type: 'load-failed'; readonly model: string; readonly instance: number; readonly isShort: boolean }
  | { readonly type: 'measured'; readonly model: string; readonly instance: number; readonly bytes: Bytes }
  | { readonly type: 'parked'; readonly model: string; readonly instance: number; readonly bytes: Bytes }
  /** Its process is gone: it crashed, or an unload is done. */
  | { readonly type: 'ended'; readonly model: string; readonly instance: number }
  | { readonly type: 'unload'; readonly model: string }
  /** The package or its settings changed: what was learned is void. */
  | { readonly type: 'forget'; readonly model: string }
  /** Learned before a restart; what was learned since counts more. */
  | { readonly type: 'remember'; readonly model: string; readonly known: Known }
  | { readonly type: 'set'; readonly model: string; readonly setting: ResidencySetting | null }
  | { readonly type: 'plan'; readonly model: string; readonly plan: Plan }
  | { readonly type: 'limits'; readonly limits: Bytes }
  /** Memory is short outside our own books; `free` more than nothing has to go now. */
  | { readonly type: 'pressure'; readonly isOn: boolean; readonly free: Bytes }
  | { readonly type: 'foreground'; readonly isOn: boolean }
  | { readonly type: 'tick' }

export type RefuseReason = 'too-large' | 'pinned' | 'load'

export type ResidencyEffect =
  /** Ask the engine what loading takes; `estimated` or `load-failed` follows. */
  | { readonly type: 'estimate'; readonly model: string; readonly instance: number }
  /** `isWarm`: into the process that is there. */
  | { readonly type: 'load'; readonly model: string; readonly instance: number; readonly isWarm: boolean }
  /** Calls may start. */
  | { readonly type: 'ready'; readonly model: string; readonly instance: number }
  /** No more calls may start. */
  | { readonly type: 'close'; readonly model: string; readonly instance: number }
  /** Ends a load, too. `ended` or `parked` follows, unless it only waited. */
  | { readonly type: 'unload'; readonly model: string; readonly instance: number; readonly leaving: Leaving }
  /** Who waits for it waits in vain. */
  | {
      readonly type: 'refuse'
      readonly model: string
      readonly reason: RefuseReason
      readonly needs: Bytes
      readonly limits: Bytes
    }

export const emptyResidency: ResidencyState = {
  places: new Map(),
  settings: new Map(),
  known: new Map(),
  plans: new Map(),
  retryAt: new Map(),
  limits: {},
  isHeld: false,
  isPressed: false,
  lastInstance: 0,
}

export function settingOf({ settings }: Pick<ResidencyState, 'settings'>, model: string, { fallback }: ResidencyLimits): ResidencySetting {
  return settings.get(model) ?? fallback
}

export function isIdle({ phase, users, want }: Place): boolean {
  return (phase === 'ready' || phase === 'parked') && users === 0 && want === null
}

/** A place for a model that nobody has begun to load. */
export function newPlace(
  instance: number,
  now: number,
  how: { readonly needs: Bytes | null; readonly isExtra: boolean; readonly due?: number },
): Place {
  const { needs, isExtra, due } = how
  return {
    phase: 'waiting',
    instance,
    bytes: {},
    needs,
    users: 0,
    want: due === undefined ? null : { due, since: now },
    isExtra,
    isFresh: false,
    lastDue: due ?? Infinity,
    loadBeganAt: now,
    readyAt: now,
    usedAt: now,
    turnEndsAt: now,
    isAsked: false,
    leaving: null,
  }
}

/** The map without a key; itself where there is none. */
export function without<Value>(map: ReadonlyMap<string, Value>, key: string): ReadonlyMap<string, Value> {
  if (!map.has(key)) return map
  const rest = new Map(map)
  rest.delete(key)
  return rest
}

/** The map with a newest entry; without its oldest where there would be more than `sizeMax`. */
export function withNewest<Value>(
  map: ReadonlyMap<string, Value>,
  [key, value]: readonly [string, Value],
  sizeMax: number,
): ReadonlyMap<string, Value> {
  const next = new Map(map)
  next.delete(key)
  next.set(key, value)
  const [oldest] = next.keys()
  if (next.size > sizeMax && oldest !== undefined) next.delete(oldest)
  return next
}
