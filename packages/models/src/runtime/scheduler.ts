import { type Clock, SomaError, abortError, defined } from '@soma/core'
import type { Priority } from '@soma/spec'
import { stopping } from './residency-errors.ts'
import type { Lease } from './residency-ports.ts'
import {
  type SchedulerEffect,
  type SchedulerEvent,
  type SchedulerLimits,
  type SchedulerRefusal,
  emptyScheduler,
  priorities,
} from './scheduler-state.ts'
import { nextWaitEndsAt, stepScheduler } from './scheduler-step.ts'

/** What the scheduler needs of the residency. */
export interface Models<Process> {
  want(model: string, by: object, due: number | null): void
  use(model: string, due: number): Lease<Process>
}

/** Whose call it is, and how urgent. */
export interface Urgency {
  readonly principal: string
  readonly priority: Priority
}

/** A call's right to run: its model is in memory, and it is its turn. */
export interface Seat<Process> {
  readonly process: Process
  /** How much of the wait was starting and loading; 0 when the model was in memory. */
  readonly loadMs: number
  /** Ends the turn. The model's next call starts. */
  leave(): void
}

interface Queued<Process> extends PromiseWithResolvers<Seat<Process>>, Urgency {
  readonly model: string
  readonly arrivedAt: number
  readonly unwatch: () => void
}

/** Whose call runs next: carries out what `stepScheduler` decides. */
export class Scheduler<Process> {
  readonly #clock: Clock
  readonly #models: Models<Process>
  readonly #limits: SchedulerLimits
  readonly #queued = new Map<number, Queued<Process>>()
  #state = emptyScheduler
  #lastTicket = 0
  #failure: SomaError | undefined
  #timer: { readonly at: number; readonly handle: Disposable } | undefined
  #stopped = false

  constructor(clock: Clock, models: Models<Process>, limits: SchedulerLimits) {
    this.#clock = clock
    this.#models = models
    this.#limits = limits
  }

  /**
   * Waits for the model, and for the call's turn.
   * @throws {SomaError} `resource/exhausted` with `retryAfterMs` when too many wait, `daemon/stopping`, the signal's reason, or what the load
   * failed with.
   */
  async enter(model: string, urgency: Urgency, { signal }: { readonly signal: AbortSignal }): Promise<Seat<Process>> {
    if (signal.aborted) throw abortError(signal)
    if (this.#stopped) throw stopping()
    const ticket = ++this.#lastTicket
    const leave = (): void => this.#leaveQueue(ticket, abortError(signal))
    signal.addEventListener('abort', leave, { once: true })
    const unwatch = (): void => signal.removeEventListener('abort', leave)
    const queued = { ...Promise.withResolvers<Seat<Process>>(), ...urgency, model, arrivedAt: this.#clock.monotonic(), unwatch }
    this.#queued.set(ticket, queued)
    this.#post({ type: 'arrive', ticket, model, principal: urgency.principal, level: priorities.indexOf(urgency.priority) })
    return await queued.promise
  }

  /** The model is in memory, and so many of its calls may run. */
  open(model: string, seats: number): void {
    this.#post({ type: 'open', model, seats })
  }

  close(model: string): void {
    this.#post({ type: 'close', model })
  }

  /** Those who wait for the model get the error; who comes later tries anew. */
  fail(model: string, error: SomaError): void {
    this.#failure = error
    this.#post({ type: 'fail', model })
    this.#failure = undefined
  }

  /** Calls of the model that wait or run. */
  count(model: string): { readonly waiting: number; readonly running: number } {
    const line = this.#state.lines.get(model)
    return { waiting: line?.waiting.length ?? 0, running: line?.running ?? 0 }
  }

  /** Calls of all models that wait or run. */
  get total(): { readonly waiting: number; readonly running: number } {
    return { waiting: this.#state.waiting, running: this.#state.running }
  }

  /** Models with calls. */
  get models(): string[] {
    return [...this.#state.lines.keys()]
  }

  /** Refuses what waits and what comes. */
  stop(): void {
    this.#stopped = true
    this.#timer?.handle[Symbol.dispose]()
    for (const ticket of this.#queued.keys()) this.#leaveQueue(ticket, stopping())
  }

  #leaveQueue(ticket: number, error: SomaError): void {
    const queued = this.#take(ticket)
    if (!queued) return
    queued.reject(error)
    this.#post({ type: 'leave', ticket, model: queued.model })
  }

  #take(ticket: number): Queued<Process> | undefined {
    const queued = this.#queued.get(ticket)
    this.#queued.delete(ticket)
    queued?.unwatch()
    return queued
  }

  #post(event: SchedulerEvent): void {
    const { state, effects } = stepScheduler(this.#state, event, this.#clock.monotonic(), this.#limits)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
    this.#planTick()
  }

  #carryOut(effect: SchedulerEffect): void {
    if (effect.type === 'want') return this.#models.want(effect.model, this, effect.due)
    const queued = defined(this.#take(effect.ticket), 'a call is started or refused once, and not after it left')
    if (effect.type === 'start') this.#start(queued, effect.due)
    else queued.reject((effect.reason === 'failed' && this.#failure) || this.#refusal(effect))
  }

  #start(queued: Queued<Process>, due: number): void {
    const { model, principal, priority, arrivedAt } = queued
    const lease = this.#models.use(model, due)
    const loadMs = Math.max(0, lease.readyAt - Math.max(lease.loadBeganAt, arrivedAt))
    const startedAt = this.#clock.monotonic()
    const leave = (): void => {
      const runMs = this.#clock.monotonic() - startedAt
      // First, so that a model with calls waiting is never idle between two.
      this.#post({ type: 'finish', model, principal, level: priorities.indexOf(priority), runMs })
      lease.release()
    }
    queued.resolve({ process: lease.process, loadMs, leave })
  }

  #refusal({ model, reason, retryAfterMs }: Extract<SchedulerEffect, { type: 'refuse' }>): SomaError {
    const { limit, why } = this.#limitOf(model, reason)
    return new SomaError('resource/exhausted', `${why}; try again in ${Math.ceil(retryAfterMs / 1000)} s`, {
      details: { model, limit, retryAfterMs },
    })
  }

  #limitOf(model: string, reason: SchedulerRefusal): { readonly limit: number; readonly why: string } {
    const { queueMax, queuedMax, waitMsMax } = this.#limits
    const full = { limit: queueMax, why: `${queueMax} calls of model ${model} wait already` }
    const limitOf: { readonly [Reason in SchedulerRefusal]: typeof full } = {
      'model-queue': full,
      failed: full,
      'all-queues': { limit: queuedMax, why: `${queuedMax} calls of all models wait already` },
      share: { limit: queueMax, why: `most of the ${queueMax} places in the queue of model ${model} are taken by this caller already` },
      waited: { limit: waitMsMax, why: `model ${model} found no place in memory, or no seat, within ${waitMsMax} ms` },
    }
    return limitOf[reason]
  }

  #planTick(): void {
    const at = this.#stopped ? undefined : nextWaitEndsAt(this.#state, this.#limits)
    if (at === undefined || (this.#timer && this.#timer.at <= at)) return
    this.#timer?.handle[Symbol.dispose]()
    const handle = this.#clock.schedule(Math.max(0, at - this.#clock.monotonic()), () => {
      this.#timer = undefined
      this.#post({ type: 'tick' })
    })
    this.#timer = { at, handle }
  }
}
