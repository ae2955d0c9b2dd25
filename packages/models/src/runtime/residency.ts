import { SomaError, abortError, defined, toSomaError, untilAborted } from '@soma/core'
import type { MemoryEstimate } from '@soma/spec'
import { Demands } from './demands.ts'
import { nextTickAt } from './leave-times.ts'
import { MEASURE_PAUSE_MS } from './limits.ts'
import type { HoldsModel, Lease, Prepared, ResidencyDeps, Waits } from './residency-ports.ts'
import { cannotFit, isMemoryShort, stopping } from './residency-errors.ts'
import {
  type Leaving,
  type Place,
  type ResidencyEffect,
  type ResidencyEvent,
  type ResidencyLimits,
  type ResidencyState,
  emptyResidency,
} from './residency-state.ts'
import { stepResidency } from './residency-step.ts'

/** One stay of a model in memory. */
interface Stay<Process, Ready> {
  readonly model: string
  readonly instance: number
  readonly abort: AbortController
  readonly gone: PromiseWithResolvers<void>
  prepared?: Ready | undefined
  smaller?: MemoryEstimate['smaller']
  process?: Process
  seats: number
  /** Its estimate or its load is under way. */
  isWorking: boolean
  leaving?: Leaving
  measuredAt: number
  /** One that came too soon, and is to follow. */
  later?: Disposable | undefined
}

interface Holder<Process> extends PromiseWithResolvers<Lease<Process>> {
  readonly due: number
}

/** Which models are in memory: carries out what `stepResidency` decides. */
export class Residency<Process extends HoldsModel, Ready extends Prepared> {
  readonly #deps: ResidencyDeps<Process, Ready>
  readonly #limits: ResidencyLimits
  readonly #stays = new Map<number, Stay<Process, Ready>>()
  readonly #demands = new Demands((model, due) => this.#demand(model, due))
  readonly #holders = new Map<string, Set<Holder<Process>>>()
  #state = emptyResidency
  #timer: { readonly at: number; readonly handle: Disposable } | undefined
  readonly #errors = new Map<string, SomaError>()
  #stopped = false

  constructor(deps: ResidencyDeps<Process, Ready>, limits: ResidencyLimits) {
    this.#deps = deps
    this.#limits = limits
  }

  get state(): ResidencyState {
    return this.#state
  }

  /** Calls wait for the model; null when none does any more. */
  want(model: string, by: object, due: number | null): void {
    if (!this.#stopped) this.#demands.set(model, by, due)
  }

  /** The right to use a model that was `opened`, at once. */
  use(model: string, due: number): Lease<Process> {
    const place = defined(this.#state.places.get(model), 'an open model is in memory')
    const stay = defined(this.#stays.get(place.instance), 'an open model has a process')
    const { instance } = place
    this.post({ type: 'use', model, instance, due })
    const release = once(() => {
      this.post({ type: 'release', model, instance })
      void this.#measure(stay)
    })
    const { loadBeganAt, readyAt } = place
    return { process: defined(stay.process, 'an open model has a process'), loadBeganAt, readyAt, release }
  }

  /**
   * Waits until the model is in memory, and keeps it there. Takes no seat.
   * @throws {SomaError} what the load failed with, `resource/exhausted`, `daemon/stopping`, or the signal's reason.
   */
  async hold(model: string, due: number, { signal }: Waits): Promise<Lease<Process>> {
    if (signal.aborted) throw abortError(signal)
    if (this.#stopped) throw stopping()
    if (this.#state.places.get(model)?.phase === 'ready') return this.use(model, due)
    const holder = { ...Promise.withResolvers<Lease<Process>>(), due }
    const holders = this.#holders.get(model) ?? new Set()
    this.#holders.set(model, holders.add(holder))
    const leave = (): void => {
      holders.delete(holder)
      this.want(model, holder, null)
      holder.reject(abortError(signal))
    }
    signal.addEventListener('abort', leave, { once: true })
    this.want(model, holder, due)
    return await holder.promise.finally(() => signal.removeEventListener('abort', leave))
  }

  /** The process that has the model in memory. */
  find(model: string): Process | undefined {
    const place = this.#state.places.get(model)
    return place?.phase === 'ready' || place?.phase === 'draining' ? this.#stays.get(place.instance)?.process : undefined
  }

  /** The process of a model in any phase. */
  processOf(model: string): Process | undefined {
    const place = this.#state.places.get(model)
    return place && this.#stays.get(place.instance)?.process
  }

  /** Whether calls use it, or wait for it to be loaded. */
  isInUse(model: string): boolean {
    const place = this.#state.places.get(model)
    return place !== undefined && (place.users > 0 || place.want !== null)
  }

  /** Unloads once the calls that use it are done. @returns whether it was in memory. */
  async unload(model: string, { signal }: Waits): Promise<boolean> {
    const place = this.#state.places.get(model)
    const stay = place && place.phase !== 'waiting' ? this.#stays.get(place.instance) : undefined
    if (!stay) return false
    this.post({ type: 'unload', model })
    await untilAborted(stay.gone.promise, signal)
    return true
  }

  /** Ends everything, in use or not; who waits gets `daemon/stopping`. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const model of this.#holders.keys()) this.#rejectHolders(model, stopping())
    const stays = [...this.#stays.values()]
    for (const stay of stays) this.#end(stay, stopping())
    await Promise.all(stays.map(({ gone }) => gone.promise))
    this.#timer?.handle[Symbol.dispose]()
  }

  /** Feeds the state machine, and does what it says. */
  post(event: ResidencyEvent): void {
    const now = this.#deps.clock.monotonic()
    const { state, effects } = stepResidency(this.#state, event, now, this.#limits)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
    this.#planTick(now)
  }

  #demand(model: string, due: number | null): void {
    if (due === null) return this.post({ type: 'unwant', model })
    if (this.#state.places.get(model)?.phase !== 'ready') this.refreshLimits()
    this.post({ type: 'want', model, due })
  }

  /** What models may take may have changed. */
  refreshLimits(): void {
    this.post({ type: 'limits', limits: this.#deps.limits() })
  }

  #carryOut(effect: ResidencyEffect): void {
    if (this.#stopped) return
    switch (effect.type) {
      case 'estimate':
        return void this.#estimate(this.#stay(effect))
      case 'load':
        return void this.#load(this.#stay(effect), effect.isWarm)
      case 'ready':
        return this.#open(effect)
      case 'close':
        return this.#deps.closed(effect.model)
      case 'unload':
        return this.#unload(effect)
      case 'refuse':
        return this.#refuse(effect)
    }
  }

  #stay({ model, instance }: Pick<Place, 'instance'> & { readonly model: string }): Stay<Process, Ready> {
    const known = this.#stays.get(instance)
    if (known) return known
    const gone = Promise.withResolvers<void>()
    const stay = { model, instance, abort: new AbortController(), gone, seats: 0, isWorking: false, measuredAt: -Infinity }
    this.#stays.set(instance, stay)
    return stay
  }

  async #estimate(stay: Stay<Process, Ready>): Promise<void> {
    const { model, instance, abort } = stay
    let prepared: Ready
    stay.isWorking = true
    try {
      prepared = await this.#deps.prepare(model, { signal: abort.signal })
    } catch (thrown) {
      return this.#failed(stay, toSomaError(thrown))
    }
    stay.isWorking = false
    stay.prepared = prepared
    stay.smaller = prepared.smaller
    if (!abort.signal.aborted) {
      this.refreshLimits()
      this.post({ type: 'estimated', model, instance, bytes: prepared.bytes })
    }
    // It waits for room, which may take long: others can use the process meanwhile.
    await this.#giveBack(stay)
    if (abort.signal.aborted && !stay.isWorking && !stay.process) this.#failed(stay, abortError(abort.signal))
  }

  async #giveBack(stay: Stay<Process, Ready>): Promise<void> {
    const { prepared } = stay
    stay.prepared = undefined
    await prepared?.[Symbol.asyncDispose]()
  }

  async #load(stay: Stay<Process, Ready>, isWarm: boolean): Promise<void> {
    const { model, instance, abort, prepared } = stay
    const beganAt = this.#deps.clock.monotonic()
    stay.prepared = undefined
    stay.isWorking = true
    try {
      const signal = abort.signal
      const warm = isWarm ? stay.process : undefined
      const { process, bytes, seats } = warm
        ? await this.#deps.reload(model, warm, { signal })
        : await this.#deps.load(model, prepared, { signal })
      if (!warm) void process.ended.then(() => this.#ended(stay))
      // Its first call is measured however soon it comes: that is when a model takes what it needs to work.
      Object.assign(stay, { process, seats, isWorking: false, measuredAt: -Infinity })
      if (abort.signal.aborted) return void process.stop()
      this.#deps.loaded?.(model, this.#deps.clock.monotonic() - beganAt, isWarm)
      this.post({ type: 'loaded', model, instance, bytes })
    } catch (thrown) {
      this.#failed(stay, toSomaError(thrown))
    }
  }

  #failed(stay: Stay<Process, Ready>, error: SomaError): void {
    const { model, instance } = stay
    this.#stays.delete(instance)
    stay.gone.resolve()
    if (this.#stopped) return
    this.#errors.set(model, error)
    this.post({ type: 'load-failed', model, instance, isShort: isMemoryShort(error) })
    this.#errors.delete(model)
  }

  #ended(stay: Stay<Process, Ready>): void {
    const { model, instance } = stay
    // A warm load that failed has said so.
    if (!this.#stays.delete(instance)) return
    stay.gone.resolve()
    this.#deps.unloaded?.(model, stay.leaving)
    if (this.#stopped) return
    this.#deps.closed(model)
    this.post({ type: 'ended', model, instance })
  }

  #open({ model, instance }: Extract<ResidencyEffect, { type: 'ready' }>): void {
    const place = this.#state.places.get(model)
    const stay = this.#stays.get(instance)
    if (place?.phase !== 'ready' || place.instance !== instance || !stay) return
    for (const holder of this.#takeHolders(model)) {
      holder.resolve(this.use(model, holder.due))
      this.want(model, holder, null)
    }
    this.#deps.opened(model, stay.seats)
  }

  #takeHolders(model: string): Holder<Process>[] {
    const holders = [...(this.#holders.get(model) ?? [])]
    this.#holders.delete(model)
    return holders
  }

  #rejectHolders(model: string, error: SomaError): void {
    for (const holder of this.#takeHolders(model)) holder.reject(error)
  }

  #refuse(effect: Extract<ResidencyEffect, { type: 'refuse' }>): void {
    const { model, reason } = effect
    const stay = [...this.#stays.values()].findLast((one) => one.model === model)
    const error =
      (reason === 'load' && this.#errors.get(model)) || cannotFit(model, { ...effect, most: this.#deps.most(), smaller: stay?.smaller })
    // Its estimate is all there was of it.
    if (stay && !stay.process) this.#stays.delete(stay.instance)
    this.#demands.clear(model)
    this.#rejectHolders(model, error)
    this.#deps.refused(model, error)
  }

  #unload({ instance, leaving }: Extract<ResidencyEffect, { type: 'unload' }>): void {
    const stay = this.#stays.get(instance)
    if (!stay) return
    stay.leaving = leaving
    if (leaving.to === 'park' && stay.process) void this.#park(stay, stay.process)
    else this.#end(stay)
  }

  async #park(stay: Stay<Process, Ready>, process: Process): Promise<void> {
    const { model, instance } = stay
    try {
      const bytes = await this.#deps.park(model, process)
      this.#deps.unloaded?.(model, stay.leaving)
      // However the process ends later, it is not for this reason.
      delete stay.leaving
      if (!this.#stopped) this.post({ type: 'parked', model, instance, bytes })
    } catch (error) {
      // `ended` follows.
      delete stay.leaving
      await process.stop(toSomaError(error))
    }
  }

  #end(
    stay: Stay<Process, Ready>,
    reason = new SomaError('call/cancelled', `model ${stay.model} was unloaded: nobody waited for it any more`),
  ): void {
    stay.abort.abort(reason)
    void stay.process?.stop(reason)
    // One that only waits for room has nothing that could end.
    if (stay.process || stay.isWorking) return
    this.#stays.delete(stay.instance)
    stay.gone.resolve()
  }

  /** What a model takes grows with its use. Once in a while, and after the last use of all. */
  async #measure(stay: Stay<Process, Ready>): Promise<void> {
    const { process, model, instance } = stay
    const place = this.#state.places.get(model)
    if (this.#stopped || !process || stay.later || place?.instance !== instance || place.phase !== 'ready') return
    const now = this.#deps.clock.monotonic()
    const pauseMs = stay.measuredAt + MEASURE_PAUSE_MS - now
    if (pauseMs > 0) {
      stay.later = this.#deps.clock.schedule(pauseMs, () => {
        stay.later = undefined
        void this.#measure(stay)
      })
      return
    }
    stay.measuredAt = now
    const bytes = await this.#deps.measure(process).catch(() => undefined)
    if (bytes && !this.#stopped) this.post({ type: 'measured', model, instance, bytes })
  }

  /** One timer for the next thing that is due. It may ring too early: then it is set anew. */
  #planTick(steppedAt: number): void {
    const at = this.#stopped ? undefined : nextTickAt(this.#state, steppedAt, this.#limits)
    if (at === undefined || (this.#timer && this.#timer.at <= at)) return
    this.#timer?.handle[Symbol.dispose]()
    const handle = this.#deps.clock.schedule(Math.max(0, at - this.#deps.clock.monotonic()), () => {
      this.#timer = undefined
      this.post({ type: 'tick' })
    })
    this.#timer = { at, handle }
  }
}

function once(action: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) action()
    isDone = true
  }
}
