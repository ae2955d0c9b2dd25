import { type Clock, SomaError, abortError, isSomaError, toSomaError, untilAborted } from '@soma/core'
import {
  type RefuseReason,
  type ResidencyEffect,
  type ResidencyEvent,
  type ResidencyLimits,
  type UnloadReason,
  emptyResidency,
  nextTickAt,
  stepResidency,
} from './residency-step.ts'

/** What residency needs of a process that holds a model. */
export interface HoldsModel {
  /** Never rejects. */
  readonly ended: Promise<unknown>
  /** @param reason what calls under way fail with. */
  stop(reason?: SomaError): Promise<unknown>
}

export interface ResidencyDeps<Process extends HoldsModel> {
  readonly clock: Clock
  /** Rejects only when nothing of the model is in memory any more. */
  load(model: string, waits: { readonly signal: AbortSignal }): Promise<Process>
  /** Told of what happened, for events and the log. */
  loaded?(model: string, loadMs: number): void
  unloaded?(model: string, reason: UnloadReason | 'ended'): void
}

/** The right to use a loaded model; it stays in memory until this is released. */
export interface Lease<Process> {
  readonly process: Process
  /** How much of the wait was starting and loading; 0 when the model was in memory. */
  readonly loadMs: number
  release(): void
}

/** One stay of a model in memory. */
interface Stay<Process> {
  readonly model: string
  readonly abort: AbortController
  readonly beganAt: number
  readonly gone: PromiseWithResolvers<void>
  process?: Process
  leaving?: UnloadReason
}

interface Waiting<Process> extends PromiseWithResolvers<Lease<Process>> {
  readonly beganAt: number
  readonly unwatch: () => void
}

/** Which models are in memory: carries out what `stepResidency` decides. */
export class Residency<Process extends HoldsModel> {
  readonly #deps: ResidencyDeps<Process>
  readonly #limits: ResidencyLimits
  readonly #stays = new Map<number, Stay<Process>>()
  readonly #waiting = new Map<number, Waiting<Process>>()
  #state = emptyResidency
  #lastTicket = 0
  #timer: { readonly at: number; readonly handle: Disposable } | undefined
  /** Of the load that failed last; its waiters are refused in the same turn. */
  #loadError: SomaError | undefined
  #stopped = false

  constructor(deps: ResidencyDeps<Process>, limits: ResidencyLimits) {
    this.#deps = deps
    this.#limits = limits
  }

  /**
   * Waits until the model is in memory and may be used. Callers who come meanwhile share the load.
   * @throws {SomaError} what the load failed with, `resource/exhausted`, `daemon/stopping`, or the signal's reason.
   */
  async acquire(model: string, { signal }: { readonly signal: AbortSignal }): Promise<Lease<Process>> {
    if (signal.aborted) throw abortError(signal)
    if (this.#stopped) throw stopping()
    const ticket = ++this.#lastTicket
    const leave = (): void => this.#leave(ticket, abortError(signal))
    signal.addEventListener('abort', leave, { once: true })
    const waiting = {
      ...Promise.withResolvers<Lease<Process>>(),
      beganAt: this.#deps.clock.monotonic(),
      unwatch: () => signal.removeEventListener('abort', leave),
    }
    this.#waiting.set(ticket, waiting)
    this.#post({ type: 'acquire', ticket, model })
    return await waiting.promise
  }

  /** The process that holds the model, once it is loaded. */
  find(model: string): Process | undefined {
    const resident = this.#state.residents.get(model)
    return resident && this.#stays.get(resident.instance)?.process
  }

  /** Whether calls use it, or wait for it to be loaded. */
  isInUse(model: string): boolean {
    const leases = this.#state.residents.get(model)?.leases ?? 0
    return leases > 0 || this.#state.waiters.some((waiter) => waiter.model === model)
  }

  /** Unloads once the calls that use it are done. @returns whether it was in memory. */
  async unload(model: string, { signal }: { readonly signal: AbortSignal }): Promise<boolean> {
    const resident = this.#state.residents.get(model)
    const stay = resident && this.#stays.get(resident.instance)
    if (!stay) return false
    this.#post({ type: 'unload', model })
    await untilAborted(stay.gone.promise, signal)
    return true
  }

  /** Ends everything, in use or not; who waits gets `daemon/stopping`. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const ticket of this.#waiting.keys()) this.#leave(ticket, stopping())
    const stays = [...this.#stays.values()]
    for (const stay of stays) this.#end(stay, stopping())
    await Promise.all(stays.map(({ gone }) => gone.promise))
    this.#timer?.handle[Symbol.dispose]()
  }

  #leave(ticket: number, error: SomaError): void {
    this.#take(ticket)?.reject(error)
    this.#post({ type: 'cancel', ticket })
  }

  #take(ticket: number): Waiting<Process> | undefined {
    const waiting = this.#waiting.get(ticket)
    this.#waiting.delete(ticket)
    waiting?.unwatch()
    return waiting
  }

  #post(event: ResidencyEvent): void {
    const { state, effects } = stepResidency(this.#state, event, this.#deps.clock.monotonic(), this.#limits)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
    this.#planTick()
  }

  #carryOut(effect: ResidencyEffect): void {
    switch (effect.type) {
      case 'grant':
        return this.#grant(effect)
      case 'refuse':
        return this.#take(effect.ticket)?.reject(this.#refusal(effect.model, effect.reason))
      case 'load':
        return this.#beginLoad(effect)
      case 'unload': {
        const stay = this.#stays.get(effect.instance)
        if (stay) this.#end(Object.assign(stay, { leaving: effect.reason }))
      }
    }
  }

  #grant({ ticket, model, instance }: Extract<ResidencyEffect, { type: 'grant' }>): void {
    const release = once(() => this.#post({ type: 'release', model, instance }))
    const waiting = this.#take(ticket)
    const stay = this.#stays.get(instance)
    if (!waiting || !stay?.process) return release()
    const readyAt = this.#state.residents.get(model)?.readyAt ?? 0
    const loadMs = Math.max(0, readyAt - Math.max(stay.beganAt, waiting.beganAt))
    waiting.resolve({ process: stay.process, loadMs, release })
  }

  #refusal(model: string, reason: RefuseReason): SomaError {
    const { loadedMax, waitersMax, waitMsMax } = this.#limits
    if (reason === 'load') return this.#loadError ?? new SomaError('engine/not-ready', `model ${model} could not be loaded`)
    const why = reason === 'waiters' ? `${waitersMax} calls wait for a place in memory already` : `none became free within ${waitMsMax} ms`
    return new SomaError(
      'resource/exhausted',
      `model ${model} found no place in memory: ${why}; ${loadedMax} models may be loaded at once`,
      {
        details: { model, loadedMax, waitersMax, waitMsMax },
      },
    )
  }

  #beginLoad({ model, instance }: Extract<ResidencyEffect, { type: 'load' }>): void {
    const stay = { model, abort: new AbortController(), beganAt: this.#deps.clock.monotonic(), gone: Promise.withResolvers<void>() }
    this.#stays.set(instance, stay)
    void this.#load(stay, instance)
  }

  async #load(stay: Stay<Process>, instance: number): Promise<void> {
    const { model, abort } = stay
    try {
      stay.process = await this.#deps.load(model, { signal: abort.signal })
    } catch (thrown) {
      return this.#loadFailed(stay, instance, toSomaError(thrown))
    }
    void stay.process.ended.then(() => this.#ended(stay, instance))
    if (abort.signal.aborted) return void stay.process.stop()
    this.#deps.loaded?.(model, this.#deps.clock.monotonic() - stay.beganAt)
    this.#post({ type: 'loaded', model, instance })
  }

  #loadFailed(stay: Stay<Process>, instance: number, error: SomaError): void {
    this.#stays.delete(instance)
    stay.gone.resolve()
    this.#loadError = error
    this.#post({ type: 'load-failed', model: stay.model, instance, memoryShort: isMemoryShort(error) })
    this.#loadError = undefined
  }

  #ended(stay: Stay<Process>, instance: number): void {
    this.#stays.delete(instance)
    stay.gone.resolve()
    this.#deps.unloaded?.(stay.model, stay.leaving ?? 'ended')
    this.#post({ type: 'ended', model: stay.model, instance })
  }

  #end(
    stay: Stay<Process>,
    reason = new SomaError('call/cancelled', `model ${stay.model} was unloaded: nobody waited for it any more`),
  ): void {
    stay.abort.abort(reason)
    void stay.process?.stop(reason)
  }

  /** One timer for the next thing that is due. It may ring too early: then it is set anew. */
  #planTick(): void {
    const at = this.#stopped ? undefined : nextTickAt(this.#state, this.#limits)
    if (at === undefined || (this.#timer && this.#timer.at <= at)) return
    this.#timer?.handle[Symbol.dispose]()
    const handle = this.#deps.clock.schedule(at - this.#deps.clock.monotonic(), () => {
      this.#timer = undefined
      this.#post({ type: 'tick' })
    })
    this.#timer = { at, handle }
  }
}

/** Marks a load error that another model's leaving can cure. */
export function memoryShort(message: string, details: Readonly<Record<string, unknown>>): SomaError {
  return new SomaError('resource/exhausted', message, { details: { ...details, resource: 'memory' } })
}

function isMemoryShort(error: SomaError): boolean {
  return isSomaError(error, 'resource/exhausted') && error.details['resource'] === 'memory'
}

function stopping(): SomaError {
  return new SomaError('daemon/stopping', 'the daemon is stopping and runs no more models')
}

function once(action: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) action()
    isDone = true
  }
}
