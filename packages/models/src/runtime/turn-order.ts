import { type SchedulerLimits, type SchedulerState, type Waiting, dueOf } from './scheduler-state.ts'

/** Where a call stands. Compared field by field, lower first. */
interface Rank {
  readonly level: number
  readonly virtual: number
  readonly ticket: number
}

const OVERDUE = -1

/**
 * Whose turn it is among the waiting calls of one model: the highest priority, to which a call rises by waiting; in it the principal
 * that has had least run time; of the same principal who came first. Overdue calls go before all, in order of arrival: so no call
 * waits longer than those that came before it and were overdue, too, and nothing starves.
 */
export function firstInTurn(state: SchedulerState, waiting: readonly Waiting[], now: number, limits: SchedulerLimits): Waiting | undefined {
  let first: Waiting | undefined
  let best: Rank | undefined
  for (const call of waiting) {
    const rank = rankOf(state, call, now, limits)
    if (best && !isBefore(rank, best)) continue
    first = call
    best = rank
  }
  return first
}

export function isBefore(a: Rank, b: Rank): boolean {
  if (a.level !== b.level) return a.level < b.level
  return a.virtual === b.virtual ? a.ticket < b.ticket : a.virtual < b.virtual
}

export function rankOf(state: SchedulerState, call: Waiting, now: number, { ageMs }: SchedulerLimits): Rank {
  const { ticket } = call
  if (now >= dueOf(call, ageMs)) return { level: OVERDUE, virtual: 0, ticket }
  const risen = ageMs > 0 ? Math.floor((now - call.arrivedAt) / ageMs) : 0
  return { level: Math.max(0, call.level - risen), virtual: startOf(state, call), ticket }
}

/** Start-time fair queueing: a principal's next call starts, in virtual time, when its calls before have had their run time. */
export function startOf({ ahead, virtual }: SchedulerState, { principal, level }: Waiting): number {
  return ahead.get(shareKey(principal, level)) ?? virtual
}

export function shareKey(principal: string, level: number): string {
  return `${level} ${principal}`
}
