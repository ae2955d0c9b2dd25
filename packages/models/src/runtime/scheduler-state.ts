import { type Priority, PrioritySchema } from '@soma/spec'

/** Most urgent first. */
export const priorities: readonly Priority[] = PrioritySchema.options

export interface SchedulerLimits {
  /** Calls of all models that run at once. */
  readonly runningMax: number
  /** Calls of one model that wait. */
  readonly queueMax: number
  /** Calls of all models that wait. */
  readonly queuedMax: number
  /** Waiting so long lifts a call by one priority, and past the most urgent one to the front. */
  readonly ageMs: number
  /** A call that could not start for so long is refused. */
  readonly waitMsMax: number
  /** What a call of a model takes that nobody has measured. */
  readonly runMsGuess: number
  readonly costsMax: number
  readonly sharesMax: number
}

/** A call that waits. */
export interface Waiting {
  /** Grows with every call. */
  readonly ticket: number
  readonly principal: string
  /** Index into `priorities`. */
  readonly level: number
  readonly arrivedAt: number
}

/** The calls of one model. */
export interface Line {
  /** Calls that may run at once; 0 while the model is not in memory. */
  readonly seats: number
  readonly running: number
  /** In order of arrival. */
  readonly waiting: readonly Waiting[]
  /** Told to the residency: when the most urgent waiting call is overdue. */
  readonly due: number | null
}

export interface SchedulerState {
  readonly lines: ReadonlyMap<string, Line>
  /** Run time that a call of a model usually takes. */
  readonly costs: ReadonlyMap<string, number>
  readonly running: number
  readonly waiting: number
  /** Virtual time, in ms of run time: that of the call that started last. */
  readonly virtual: number
  /** Principal and level → virtual time at which their next call starts; `virtual` where there is none. */
  readonly ahead: ReadonlyMap<string, number>
}

export type SchedulerEvent =
  | { readonly type: 'arrive'; readonly ticket: number; readonly model: string; readonly principal: string; readonly level: number }
  /** The caller went away; nothing happens when the call has started already. */
  | { readonly type: 'leave'; readonly ticket: number; readonly model: string }
  | { readonly type: 'finish'; readonly model: string; readonly principal: string; readonly level: number; readonly runMs: number }
  /** The model is in memory. */
  | { readonly type: 'open'; readonly model: string; readonly seats: number }
  | { readonly type: 'close'; readonly model: string }
  /** The model cannot be loaded. */
  | { readonly type: 'fail'; readonly model: string }
  | { readonly type: 'tick' }

export type SchedulerRefusal = 'model-queue' | 'all-queues' | 'share' | 'waited' | 'failed'

export type SchedulerEffect =
  | { readonly type: 'start'; readonly ticket: number; readonly model: string; readonly due: number }
  | {
      readonly type: 'refuse'
      readonly ticket: number
      readonly model: string
      readonly reason: SchedulerRefusal
      readonly retryAfterMs: number
    }
  /** Calls wait for the model, the most urgent until `due`; null when none does any more. */
  | { readonly type: 'want'; readonly model: string; readonly due: number | null }

export const emptyScheduler: SchedulerState = { lines: new Map(), costs: new Map(), running: 0, waiting: 0, virtual: 0, ahead: new Map() }

/** When a call has waited past the most urgent priority. */
export function dueOf({ arrivedAt, level }: Pick<Waiting, 'arrivedAt' | 'level'>, ageMs: number): number {
  return arrivedAt + (level + 1) * ageMs
}
