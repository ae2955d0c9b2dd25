import {
  type Line,
  type SchedulerEffect,
  type SchedulerEvent,
  type SchedulerLimits,
  type SchedulerRefusal,
  type SchedulerState,
  type Waiting,
  dueOf,
} from './scheduler-state.ts'
import { firstInTurn, isBefore, rankOf, shareKey, startOf } from './turn-order.ts'

/** Of a queue, what one principal alone cannot fill: so that others get a word in. */
const SHARE_LEFT = 1 / 8
/** How fast the usual run time follows what is measured. */
const COST_WEIGHT = 0.2
/** Bounds of the time after which a refused caller is told to come again, and what a load is guessed to take. */
const RETRY_MS = { min: 100, max: 60_000, load: 2_000 } as const

const noLine: Line = { seats: 0, running: 0, waiting: [], due: null }

/** Whose call runs next: one step. Pure, so that the simulator can drive it. */
export function stepScheduler(
  state: SchedulerState,
  event: SchedulerEvent,
  now: number,
  limits: SchedulerLimits,
): { readonly state: SchedulerState; readonly effects: readonly SchedulerEffect[] } {
  const step = new Step(state, now, limits)
  step.take(event)
  step.startCalls()
  return { state: step.state, effects: step.effects }
}

/** When `tick` is due next; undefined when nobody waits. */
export function nextWaitEndsAt({ lines }: SchedulerState, { waitMsMax }: SchedulerLimits): number | undefined {
  let first: number | undefined
  for (const { waiting } of lines.values()) {
    const at = waiting[0]?.arrivedAt
    if (at !== undefined && (first === undefined || at < first)) first = at
  }
  return first === undefined ? undefined : first + waitMsMax
}

type Of<Type extends SchedulerEvent['type']> = Extract<SchedulerEvent, { type: Type }>

/** Who is behind loses nothing, and of the others those who are least ahead: with some room, so that it is not done for each call. */
function furthestAhead(ahead: ReadonlyMap<string, number>, virtual: number, sharesMax: number): Array<readonly [string, number]> {
  const still = [...ahead].filter(([, time]) => time > virtual)
  const keep = Math.floor(sharesMax * (1 - SHARE_LEFT))
  return still.length < sharesMax ? still : still.sort(([, a], [, b]) => b - a).slice(0, keep)
}

/** The working copy of one step. */
class Step {
  readonly effects: SchedulerEffect[] = []
  readonly #now: number
  readonly #limits: SchedulerLimits
  readonly #lines: Map<string, Line>
  #state: SchedulerState

  constructor(state: SchedulerState, now: number, limits: SchedulerLimits) {
    this.#lines = new Map(state.lines)
    this.#state = { ...state, lines: this.#lines }
    this.#now = now
    this.#limits = limits
  }

  get state(): SchedulerState {
    return this.#state
  }

  take(event: SchedulerEvent): void {
    switch (event.type) {
      case 'arrive':
        return this.#arrive(event)
      case 'leave':
        return this.#keepWaiting(event.model, ({ ticket }) => ticket !== event.ticket)
      case 'finish':
        return this.#finish(event)
      case 'open':
        return this.#set(event.model, { ...this.#line(event.model), seats: event.seats })
      case 'close':
        return this.#set(event.model, { ...this.#line(event.model), seats: 0 })
      case 'fail':
        return this.#refuseWaiting(event.model, 'failed', () => true)
      case 'tick':
        for (const model of this.#lines.keys())
          this.#refuseWaiting(model, 'waited', ({ arrivedAt }) => arrivedAt + this.#limits.waitMsMax <= this.#now)
    }
  }

  /** Fills the free seats, then tells who wants what. */
  startCalls(): void {
    while (this.#state.running < this.#limits.runningMax) {
      const next = this.#next()
      if (!next) break
      this.#start(next.model, next.call)
    }
    for (const model of this.#lines.keys()) this.#tellWant(model)
  }

  #next(): { readonly model: string; readonly call: Waiting } | undefined {
    let best: { readonly model: string; readonly call: Waiting } | undefined
    for (const [model, { waiting, running, seats }] of this.#lines) {
      if (running >= seats || waiting.length === 0) continue
      const call = firstInTurn(this.#state, waiting, this.#now, this.#limits)
      if (call && (!best || this.#isBefore(call, best.call))) best = { model, call }
    }
    return best
  }

  #isBefore(a: Waiting, b: Waiting): boolean {
    return isBefore(rankOf(this.#state, a, this.#now, this.#limits), rankOf(this.#state, b, this.#now, this.#limits))
  }

  #start(model: string, call: Waiting): void {
    const line = this.#line(model)
    const begins = startOf(this.#state, call)
    this.#charge(call.principal, call.level, begins + this.#cost(model))
    this.#change({ virtual: Math.max(this.#state.virtual, begins) })
    this.#set(model, { ...line, running: line.running + 1, waiting: line.waiting.filter(({ ticket }) => ticket !== call.ticket) })
    this.effects.push({ type: 'start', ticket: call.ticket, model, due: dueOf(call, this.#limits.ageMs) })
  }

  #arrive({ ticket, model, principal, level }: Of<'arrive'>): void {
    const line = this.#line(model)
    const call = { ticket, principal, level, arrivedAt: this.#now }
    const reason = this.#overload(line, call)
    if (reason) return this.#refuse(model, ticket, reason)
    this.#set(model, { ...line, waiting: [...line.waiting, call] })
    // Who was away saves up no turns.
    this.#charge(principal, level, Math.max(this.#state.virtual, startOf(this.#state, call)))
  }

  #overload({ waiting }: Line, { principal }: Waiting): SchedulerRefusal | undefined {
    const { queueMax, queuedMax } = this.#limits
    if (this.#state.waiting >= queuedMax) return 'all-queues'
    if (waiting.length >= queueMax) return 'model-queue'
    const own = waiting.reduce((count, call) => count + (call.principal === principal ? 1 : 0), 0)
    return own >= queueMax - Math.floor(queueMax * SHARE_LEFT) ? 'share' : undefined
  }

  /** What it really took is charged instead of what it was thought to take. */
  #finish({ model, principal, level, runMs }: Of<'finish'>): void {
    const line = this.#line(model)
    const cost = this.#cost(model)
    const ahead = this.#state.ahead.get(shareKey(principal, level))
    if (ahead !== undefined) this.#charge(principal, level, ahead + runMs - cost)
    this.#learn(model, cost + COST_WEIGHT * (runMs - cost))
    this.#set(model, { ...line, running: line.running - 1 })
  }

  #charge(principal: string, level: number, at: number): void {
    const { ahead: before, virtual } = this.#state
    const { sharesMax } = this.#limits
    const key = shareKey(principal, level)
    const isFull = before.size >= sharesMax && !before.has(key)
    this.#change({ ahead: new Map(isFull ? furthestAhead(before, virtual, sharesMax) : before).set(key, at) })
  }

  #learn(model: string, cost: number): void {
    const costs = new Map(this.#state.costs)
    costs.delete(model)
    costs.set(model, cost)
    const [oldest] = costs.keys()
    if (costs.size > this.#limits.costsMax && oldest !== undefined) costs.delete(oldest)
    this.#change({ costs })
  }

  #cost(model: string): number {
    return this.#state.costs.get(model) ?? this.#limits.runMsGuess
  }

  #refuseWaiting(model: string, reason: SchedulerRefusal, isOut: (call: Waiting) => boolean): void {
    for (const call of this.#line(model).waiting) if (isOut(call)) this.#refuse(model, call.ticket, reason)
    this.#keepWaiting(model, (call) => !isOut(call))
  }

  #refuse(model: string, ticket: number, reason: SchedulerRefusal): void {
    this.effects.push({ type: 'refuse', ticket, model, reason, retryAfterMs: this.#retryAfterMs(model) })
  }

  /** When about half of those who wait now will have had their turn. */
  #retryAfterMs(model: string): number {
    const { waiting, running, seats } = this.#line(model)
    const ahead = ((waiting.length / 2 + running) * this.#cost(model)) / Math.max(1, seats)
    const estimate = ahead + (seats === 0 ? RETRY_MS.load : 0)
    return Math.round(Math.min(RETRY_MS.max, Math.max(RETRY_MS.min, estimate)))
  }

  #keepWaiting(model: string, stays: (call: Waiting) => boolean): void {
    const line = this.#line(model)
    const waiting = line.waiting.filter(stays)
    if (waiting.length !== line.waiting.length) this.#set(model, { ...line, waiting })
  }

  #tellWant(model: string): void {
    const line = this.#line(model)
    const due = line.waiting.reduce<number | null>((first, call) => {
      const at = dueOf(call, this.#limits.ageMs)
      return first === null || at < first ? at : first
    }, null)
    if (due === line.due) return
    this.#set(model, { ...line, due })
    this.effects.push({ type: 'want', model, due })
  }

  #line(model: string): Line {
    return this.#lines.get(model) ?? noLine
  }

  /** Keeps the totals, and no line that nobody needs. */
  #set(model: string, line: Line): void {
    const before = this.#line(model)
    const isEmpty = line.waiting.length === 0 && line.running === 0 && line.seats === 0 && line.due === null
    if (isEmpty) this.#lines.delete(model)
    else this.#lines.set(model, line)
    const { running, waiting } = this.#state
    this.#change({
      running: running + line.running - before.running,
      waiting: waiting + line.waiting.length - before.waiting.length,
    })
  }

  #change(change: Partial<SchedulerState>): void {
    this.#state = { ...this.#state, ...change }
  }
}
