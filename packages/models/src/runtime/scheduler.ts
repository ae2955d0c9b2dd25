import { SomaError, abortError, defined } from '@soma/core'
import type { HoldsModel, Lease, Residency } from './residency.ts'
import { type SchedulerEffect, type SchedulerEvent, type SchedulerLimits, emptyScheduler, stepScheduler } from './scheduler-step.ts'

/** A call's right to run: its model is in memory, and it is its turn. */
export interface Seat<Process> {
  readonly process: Process
  readonly loadMs: number
  /** Ends the turn. The model's next call starts. */
  leave(): void
}

interface Queued<Process> extends PromiseWithResolvers<Seat<Process>> {
  readonly signal: AbortSignal
  readonly unwatch: () => void
}

/** Whose call runs next: carries out what `stepScheduler` decides, and gets each started call its model. */
export class Scheduler<Process extends HoldsModel> {
  readonly #residency: Pick<Residency<Process>, 'acquire'>
  readonly #limits: SchedulerLimits
  readonly #queued = new Map<number, Queued<Process>>()
  #state = emptyScheduler
  #lastTicket = 0
  #stopped = false

  constructor(residency: Pick<Residency<Process>, 'acquire'>, limits: SchedulerLimits) {
    this.#residency = residency
    this.#limits = limits
  }

  /**
   * Waits for the model's turn, then for the model.
   * @throws {SomaError} `resource/exhausted` when too many wait, `daemon/stopping`, the signal's reason, or what the load failed with.
   */
  async enter(model: string, { signal }: { readonly signal: AbortSignal }): Promise<Seat<Process>> {
    if (signal.aborted) throw abortError(signal)
    if (this.#stopped) throw stopping()
    const ticket = ++this.#lastTicket
    const leave = (): void => this.#leaveQueue(ticket, model, abortError(signal))
    signal.addEventListener('abort', leave, { once: true })
    const queued = { ...Promise.withResolvers<Seat<Process>>(), signal, unwatch: () => signal.removeEventListener('abort', leave) }
    this.#queued.set(ticket, queued)
    this.#post({ type: 'arrive', ticket, model })
    return await queued.promise
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

  /** Refuses what waits and what comes. */
  stop(): void {
    this.#stopped = true
    for (const [model, { waiting }] of this.#state.lines) for (const ticket of waiting) this.#leaveQueue(ticket, model, stopping())
  }

  #leaveQueue(ticket: number, model: string, error: SomaError): void {
    this.#take(ticket)?.reject(error)
    this.#post({ type: 'leave', ticket, model })
  }

  #take(ticket: number): Queued<Process> | undefined {
    const queued = this.#queued.get(ticket)
    this.#queued.delete(ticket)
    queued?.unwatch()
    return queued
  }

  #post(event: SchedulerEvent): void {
    const { state, effects } = stepScheduler(this.#state, event, this.#limits)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
  }

  #carryOut(effect: SchedulerEffect): void {
    const queued = defined(this.#take(effect.ticket), 'a call is started or refused once, and not after it left')
    if (effect.type === 'start') void this.#start(effect.model, queued)
    else queued.reject(this.#full(effect.model, effect.reason))
  }

  async #start(model: string, queued: Queued<Process>): Promise<void> {
    try {
      // Asked for in the same turn in which the call before it lets go, so that a model with calls waiting is never idle between.
      const lease = await this.#residency.acquire(model, { signal: queued.signal })
      queued.resolve({ process: lease.process, loadMs: lease.loadMs, leave: () => this.#finish(model, lease) })
    } catch (error) {
      queued.reject(error)
      this.#post({ type: 'finish', model })
    }
  }

  #finish(model: string, lease: Lease<Process>): void {
    this.#post({ type: 'finish', model })
    lease.release()
  }

  #full(model: string, reason: 'model-queue' | 'all-queues'): SomaError {
    const ofModel = reason === 'model-queue'
    const limit = ofModel ? this.#limits.queueMax : this.#limits.queuedMax
    return new SomaError(
      'resource/exhausted',
      `${limit} calls ${ofModel ? `of model ${model}` : 'of all models'} wait already; try again later`,
      {
        details: { model, limit },
      },
    )
  }
}

function stopping(): SomaError {
  return new SomaError('daemon/stopping', 'the daemon is stopping and runs no more models')
}
