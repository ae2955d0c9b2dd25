/** What the machine may hold, and for how long. */
export interface ResidencyLimits {
  /** Models in memory at once, loading and unloading ones included. */
  readonly loadedMax: number
  /** An unused model is unloaded after this long; 0 never. */
  readonly idleUnloadMs: number
  /** Bound of a turn, see `Resident.turnEndsAt`. */
  readonly turnMsMax: number
  readonly waitersMax: number
  readonly waitMsMax: number
}

/**
 * A model's place in memory. `blocked` waits for another model to leave, because memory (not the number of places) is short.
 */
export type Phase = 'loading' | 'blocked' | 'ready' | 'unloading'

export interface Resident {
  readonly phase: Phase
  /** Tells this stay in memory from an earlier one of the same model: late events of that one are ignored. */
  readonly instance: number
  /** Calls that use it now. It is never unloaded while there are any. */
  readonly leases: number
  readonly loadBeganAt: number
  /** When it was loaded; meaningless before. */
  readonly readyAt: number
  readonly usedAt: number
  /**
   * Until then it need not make room for waiting models: as long as its load took, so that swapping never costs more time than
   * serving, and calls that alternate between too many models are collated instead of reloading each time.
   */
  readonly turnEndsAt: number
  /** An unload was asked for: tickets from this one on wait for the next stay. */
  readonly drainFrom: number | null
}

export interface Waiter {
  /** Grows with every acquire. */
  readonly ticket: number
  readonly model: string
  readonly until: number
}

export interface ResidencyState {
  readonly residents: ReadonlyMap<string, Resident>
  /** First come, first served, over all models. */
  readonly waiters: readonly Waiter[]
  readonly lastInstance: number
  readonly lastTicket: number
}

export type ResidencyEvent =
  | { readonly type: 'acquire'; readonly ticket: number; readonly model: string }
  /** The waiter has gone away. */
  | { readonly type: 'cancel'; readonly ticket: number }
  | { readonly type: 'release'; readonly model: string; readonly instance: number }
  | { readonly type: 'loaded'; readonly model: string; readonly instance: number }
  /** `memoryShort`: it could fit once another model has left. */
  | { readonly type: 'load-failed'; readonly model: string; readonly instance: number; readonly memoryShort: boolean }
  /** Its process is gone: it crashed, or an unload is done. */
  | { readonly type: 'ended'; readonly model: string; readonly instance: number }
  | { readonly type: 'unload'; readonly model: string }
  | { readonly type: 'tick' }

export type UnloadReason = 'idle' | 'room' | 'asked' | 'abandoned'
export type RefuseReason = 'waiters' | 'waited' | 'load'

export type ResidencyEffect =
  | { readonly type: 'grant'; readonly ticket: number; readonly model: string; readonly instance: number }
  | { readonly type: 'refuse'; readonly ticket: number; readonly model: string; readonly reason: RefuseReason }
  | { readonly type: 'load'; readonly model: string; readonly instance: number }
  /** Also ends a load that nobody waits for any more. `ended` follows. */
  | { readonly type: 'unload'; readonly model: string; readonly instance: number; readonly reason: UnloadReason }

export const emptyResidency: ResidencyState = { residents: new Map(), waiters: [], lastInstance: 0, lastTicket: 0 }

/** Which models are in memory: one step. Pure, so that the simulator can drive it. */
export function stepResidency(
  state: ResidencyState,
  event: ResidencyEvent,
  now: number,
  limits: ResidencyLimits,
): { readonly state: ResidencyState; readonly effects: readonly ResidencyEffect[] } {
  const step = new Step(state, now, limits)
  step.take(event)
  step.serveWaiters()
  return { state: step.state(), effects: step.effects }
}

/** When `tick` is due next; undefined when nothing waits for time to pass. */
export function nextTickAt(state: ResidencyState, limits: ResidencyLimits): number | undefined {
  const idle =
    limits.idleUnloadMs === 0 ? [] : [...state.residents.values()].filter(isIdle).map(({ usedAt }) => usedAt + limits.idleUnloadMs)
  const waits = state.waiters.map(({ until }) => until)
  return idle.length + waits.length === 0 ? undefined : Math.min(...idle, ...waits)
}

function isIdle(resident: Resident): boolean {
  return resident.phase === 'ready' && resident.leases === 0
}

/** The working copy of one step. */
class Step {
  readonly effects: ResidencyEffect[] = []
  readonly #residents: Map<string, Resident>
  readonly #now: number
  readonly #limits: ResidencyLimits
  #waiters: readonly Waiter[]
  #lastInstance: number
  #lastTicket: number

  constructor(state: ResidencyState, now: number, limits: ResidencyLimits) {
    this.#residents = new Map(state.residents)
    this.#waiters = state.waiters
    this.#lastInstance = state.lastInstance
    this.#lastTicket = state.lastTicket
    this.#now = now
    this.#limits = limits
  }

  state(): ResidencyState {
    return { residents: this.#residents, waiters: this.#waiters, lastInstance: this.#lastInstance, lastTicket: this.#lastTicket }
  }

  take(event: ResidencyEvent): void {
    switch (event.type) {
      case 'acquire':
        return this.#acquire(event.ticket, event.model)
      case 'cancel':
        return this.#cancel(event.ticket)
      case 'release':
        return this.#release(event.model, event.instance)
      case 'loaded':
        return this.#loaded(event.model, event.instance)
      case 'load-failed':
        return this.#loadFailed(event.model, event.instance, event.memoryShort)
      case 'ended':
        return this.#ended(event.model, event.instance)
      case 'unload':
        return this.#unloadAsked(event.model)
      case 'tick':
        return this.#tick()
    }
  }

  /** Gives, in order of arrival, what can be given now. Waiters that only need their own model to be ready overtake the others. */
  serveWaiters(): void {
    const needy = new Set<string>()
    this.#waiters = this.#waiters.filter((waiter) => {
      const resident = this.#residents.get(waiter.model)
      if (!resident) this.#findPlace(waiter.model, needy)
      else if (this.#mayUse(waiter, resident, needy)) return this.#grant(waiter, resident)
      return true
    })
    for (const [model, resident] of this.#residents)
      if (isIdle(resident) && resident.drainFrom !== null) this.#unload(model, resident, 'asked')
  }

  #mayUse(waiter: Waiter, resident: Resident, needy: ReadonlySet<string>): boolean {
    const drained = resident.drainFrom !== null && waiter.ticket >= resident.drainFrom
    const yields = this.#now >= resident.turnEndsAt && needy.size > this.#leaving()
    return resident.phase === 'ready' && !drained && !yields
  }

  #grant({ ticket, model }: Waiter, resident: Resident): false {
    this.#residents.set(model, { ...resident, leases: resident.leases + 1, usedAt: this.#now })
    this.effects.push({ type: 'grant', ticket, model, instance: resident.instance })
    return false
  }

  /** Starts the load, or sees to it that one place becomes free for each model that needs one. */
  #findPlace(model: string, needy: Set<string>): void {
    if (this.#residents.size < this.#limits.loadedMax) return this.#load(model)
    if (needy.has(model)) return
    needy.add(model)
    if (this.#leaving() < needy.size) this.#evict()
  }

  #leaving(): number {
    let count = 0
    for (const { phase } of this.#residents.values()) if (phase === 'unloading') count += 1
    return count
  }

  /** Unloads the least recently used model of those that no call uses. @returns whether there is one. */
  #evict(): boolean {
    let victim: [string, Resident] | undefined
    for (const entry of this.#residents) if (isIdle(entry[1]) && (!victim || entry[1].usedAt < victim[1].usedAt)) victim = entry
    if (victim) this.#unload(...victim, 'room')
    return victim !== undefined
  }

  #load(model: string): void {
    this.#lastInstance += 1
    const instance = this.#lastInstance
    const drainFrom = this.#residents.get(model)?.drainFrom ?? null
    const now = this.#now
    this.#residents.set(model, {
      phase: 'loading',
      instance,
      leases: 0,
      loadBeganAt: now,
      readyAt: now,
      usedAt: now,
      turnEndsAt: now,
      drainFrom,
    })
    this.effects.push({ type: 'load', model, instance })
  }

  #unload(model: string, resident: Resident, reason: UnloadReason): void {
    this.#residents.set(model, { ...resident, phase: 'unloading' })
    this.effects.push({ type: 'unload', model, instance: resident.instance, reason })
  }

  #acquire(ticket: number, model: string): void {
    this.#lastTicket = ticket
    if (this.#waiters.length >= this.#limits.waitersMax) this.#refuse({ ticket, model }, 'waiters')
    else this.#waiters = [...this.#waiters, { ticket, model, until: this.#now + this.#limits.waitMsMax }]
  }

  #refuse({ ticket, model }: Pick<Waiter, 'ticket' | 'model'>, reason: RefuseReason): void {
    this.effects.push({ type: 'refuse', ticket, model, reason })
  }

  #cancel(ticket: number): void {
    this.#dropWaiters((waiter) => waiter.ticket === ticket)
  }

  /** A load that nobody waits for any more is ended: it may be what makes the machine slow. */
  #dropWaiters(leaves: (waiter: Waiter) => boolean): void {
    const left = this.#waiters.filter(leaves)
    this.#waiters = this.#waiters.filter((waiter) => !leaves(waiter))
    for (const { model } of left) {
      const resident = this.#residents.get(model)
      if (this.#waiters.some((waiter) => waiter.model === model) || !resident) continue
      if (resident.phase === 'blocked') this.#residents.delete(model)
      if (resident.phase === 'loading') this.#unload(model, resident, 'abandoned')
    }
  }

  #current(model: string, instance: number): Resident | undefined {
    const resident = this.#residents.get(model)
    return resident?.instance === instance ? resident : undefined
  }

  #release(model: string, instance: number): void {
    const resident = this.#current(model, instance)
    if (resident) this.#residents.set(model, { ...resident, leases: resident.leases - 1, usedAt: this.#now })
  }

  #loaded(model: string, instance: number): void {
    const resident = this.#current(model, instance)
    if (resident?.phase !== 'loading') return
    const turnMs = Math.min(this.#now - resident.loadBeganAt, this.#limits.turnMsMax)
    this.#residents.set(model, { ...resident, phase: 'ready', readyAt: this.#now, usedAt: this.#now, turnEndsAt: this.#now + turnMs })
  }

  #loadFailed(model: string, instance: number, memoryShort: boolean): void {
    const resident = this.#current(model, instance)
    // An abandoned load failed: nobody waits for it, and who came since wants a new one.
    if (resident?.phase === 'unloading') return this.#ended(model, instance)
    if (!resident) return
    if (memoryShort && (this.#leaving() > 0 || this.#evict())) this.#residents.set(model, { ...resident, phase: 'blocked' })
    else this.#giveUp(model)
  }

  /** Those who waited for this load get its error; who comes later tries anew. */
  #giveUp(model: string): void {
    this.#residents.delete(model)
    for (const waiter of this.#waiters) if (waiter.model === model) this.#refuse(waiter, 'load')
    this.#waiters = this.#waiters.filter((waiter) => waiter.model !== model)
    this.#retryBlocked()
  }

  #ended(model: string, instance: number): void {
    if (!this.#current(model, instance)) return
    this.#residents.delete(model)
    this.#retryBlocked()
  }

  /** Memory became free. All of them try: those for whom it is not enough block again, or fail when nothing else can leave. */
  #retryBlocked(): void {
    for (const [model, { phase }] of this.#residents) if (phase === 'blocked') this.#load(model)
  }

  #unloadAsked(model: string): void {
    const resident = this.#residents.get(model)
    if (!resident || resident.phase === 'unloading' || resident.drainFrom !== null) return
    this.#residents.set(model, { ...resident, drainFrom: this.#lastTicket + 1 })
  }

  #tick(): void {
    for (const waiter of this.#waiters) if (waiter.until <= this.#now) this.#refuse(waiter, 'waited')
    this.#dropWaiters(({ until }) => until <= this.#now)
    if (this.#limits.idleUnloadMs === 0) return
    for (const [model, resident] of this.#residents)
      if (isIdle(resident) && this.#now - resident.usedAt >= this.#limits.idleUnloadMs) this.#unload(model, resident, 'idle')
  }
}
