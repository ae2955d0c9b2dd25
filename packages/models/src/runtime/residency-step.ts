import { type Bytes, excess, isNothing, larger, minus, moreThanFree, nothing, overlap, total } from './budget.ts'
import { Books, type OpenClaim, openClaims } from './claims.ts'
import { leavesAt, returnsAt } from './leave-times.ts'
import {
  type Known,
  type Leaving,
  type Place,
  type RefuseReason,
  type ResidencyEffect,
  type ResidencyEvent,
  type ResidencyLimits,
  type ResidencyState,
  type UnloadReason,
  isIdle,
  newPlace,
  settingOf,
  withNewest,
  without,
} from './residency-state.ts'
import { chooseVictims, leavesFor } from './victims.ts'

/** Which models are in memory: one step. Pure, so that the simulator can drive it. */
export function stepResidency(
  state: ResidencyState,
  event: ResidencyEvent,
  now: number,
  limits: ResidencyLimits,
): { readonly state: ResidencyState; readonly effects: readonly ResidencyEffect[] } {
  const step = new Step(state, now, limits)
  step.take(event)
  step.leaveInTime()
  step.returnInTime()
  step.serveClaims()
  return { state: step.state, effects: step.effects() }
}

type Of<Type extends ResidencyEvent['type']> = Extract<ResidencyEvent, { type: Type }>

/** The working copy of one step. */
class Step {
  readonly #effects: ResidencyEffect[] = []
  readonly #now: number
  readonly #limits: ResidencyLimits
  readonly #places: Map<string, Place>
  #state: ResidencyState

  constructor(state: ResidencyState, now: number, limits: ResidencyLimits) {
    this.#places = new Map(state.places)
    this.#state = { ...state, places: this.#places }
    this.#now = now
    this.#limits = limits
  }

  get state(): ResidencyState {
    return this.#state
  }

  /** What opens a model comes last: its calls start at once, and find all else settled. */
  effects(): ResidencyEffect[] {
    const opens = this.#effects.filter(({ type }) => type === 'ready')
    const open = opens.filter((effect) => this.#places.get(effect.model)?.phase === 'ready')
    return [...this.#effects.filter(({ type }) => type !== 'ready'), ...open]
  }

  take(event: ResidencyEvent): void {
    switch (event.type) {
      case 'want':
        return this.#want(event)
      case 'unwant':
        return this.#unwant(event.model)
      case 'use':
        return this.#use(event)
      case 'release':
        return this.#update(event, ({ users }) => ({ users: users - 1, usedAt: this.#now }))
      case 'estimated':
        return this.#estimated(event)
      case 'loaded':
        return this.#loaded(event)
      case 'load-failed':
        return this.#loadFailed(event)
      case 'measured':
        return this.#measured(event)
      case 'parked':
        return this.#parked(event)
      case 'ended':
        return this.#ended(event)
      case 'unload':
        return this.#unloadAsked(event.model)
      case 'forget':
        return this.#change({ known: without(this.#state.known, event.model), retryAt: without(this.#state.retryAt, event.model) })
      case 'remember':
        return this.#state.known.has(event.model) ? undefined : this.#know(event.model, event.known)
      case 'set':
        return this.#set(event)
      case 'plan':
        return this.#change({ plans: new Map(this.#state.plans).set(event.model, event.plan) })
      case 'limits':
        return this.#newLimits(event.limits)
      case 'pressure':
        this.#change({ isPressed: event.isOn })
        return this.#free(minus(event.free, new Books(this.#state).leaving), 'pressure')
      case 'foreground':
        return this.#foreground(event.isOn)
      case 'tick':
        return undefined
    }
  }

  /** Idle models whose time is over, and those that were asked to go. */
  leaveInTime(): void {
    for (const [model, place] of this.#places) {
      if (place.phase === 'ready' && place.isAsked && !(place.isFresh && place.want)) this.#drain(model, { to: 'end', reason: 'asked' })
      else if (leavesAt(this.#state, model, this.#limits) <= this.#now) this.#unload(model, this.#leaving(model, place, 'idle'))
      else if (place.phase === 'draining' && place.users === 0 && place.leaving) this.#unload(model, place.leaving)
    }
  }

  /** Models that are to be in memory although nobody calls them. */
  returnInTime(): void {
    for (const model of this.#state.settings.keys()) {
      if (returnsAt(this.#state, model) > this.#now) continue
      const plan = this.#state.plans.get(model)
      // Expected once: if nobody comes, it is not brought in again.
      if (plan) this.#change({ plans: new Map(this.#state.plans).set(model, { ...plan, expectAt: null }) })
      this.#await(model, { isExtra: true })
    }
  }

  /** Gives room, in order of urgency, to whom it can be given now, and sees to it that it becomes free for the others. */
  serveClaims(): void {
    const claims = openClaims(this.#state)
    const books = new Books(this.#state)
    for (const claim of claims) {
      // What comes in without a call would be in the way of those who wait for one.
      if (!claim.place.want && books.isPromised) break
      this.#serve(claim, books)
    }
    if (!claims.some(({ model }) => this.#places.get(model)?.want)) this.#reopen()
  }

  #serve(claim: OpenClaim, books: Books): void {
    const { model, place, needs } = claim
    if (this.#places.get(model) !== place) return
    const extra = minus(needs, place.bytes)
    const reason = this.#neverFits(model, needs)
    if (reason) return this.#refuse(model, reason)
    if (place.want) this.#makeRoom(claim, books.missing(extra), books)
    if (books.fits(extra)) {
      books.take(extra)
      this.#load(model, needs)
    } else if (place.want) books.promise(extra)
  }

  /** Has the models leave that may leave now; those that may later are set aside for this claim, so that no other counts on them. */
  #makeRoom(claim: OpenClaim, missing: Bytes, books: Books): void {
    if (isNothing(missing)) return
    const leaving = (by: number) => (model: string) => !books.isSpoken(model) && leavesFor(claim, this.#state, model, this.#limits) <= by
    const now = chooseVictims(this.#state, missing, leaving(this.#now), this.#now)
    const later = now ? [] : chooseVictims(this.#state, missing, leaving(Number.MAX_VALUE), this.#now)
    for (const victim of now ?? later ?? []) {
      const place = this.#places.get(victim)
      if (!place) continue
      books.leaves(victim, place.bytes)
      if (now) this.#drain(victim, { ...this.#leaving(victim, place, 'room'), by: claim.model })
    }
  }

  #neverFits(model: string, needs: Bytes): RefuseReason | undefined {
    const { places, limits } = this.#state
    if (!isNothing(excess(needs, limits))) return 'too-large'
    const pinned = [...places].filter(([name, place]) => name !== model && this.#isPinned(name) && place.phase !== 'unloading')
    return isNothing(excess(needs, minus(limits, total(pinned.map(([, { bytes }]) => bytes))))) ? undefined : 'pinned'
  }

  /** Whoever made room for a claim that is gone stays. */
  #reopen(): void {
    for (const model of this.#places.keys()) this.#stay(model)
  }

  #stay(model: string): void {
    const place = this.#places.get(model)
    if (place?.phase !== 'draining' || place.leaving?.reason !== 'room') return
    this.#places.set(model, { ...place, phase: 'ready', leaving: null })
    this.#effects.push({ type: 'ready', model, instance: place.instance })
  }

  #want({ model, due }: Of<'want'>): void {
    const place = this.#places.get(model)
    if (!place) return this.#await(model, { isExtra: false, due })
    this.#places.set(model, { ...place, want: { due, since: place.want?.since ?? this.#now } })
  }

  #await(model: string, how: { readonly isExtra: boolean; readonly due?: number }): void {
    const instance = this.#state.lastInstance + 1
    this.#change({ lastInstance: instance })
    const known = this.#state.known.get(model)
    // One that would be refused is asked for its smaller forms first.
    const needs = known && !this.#neverFits(model, known.needs) ? known.needs : null
    this.#places.set(model, newPlace(instance, this.#now, { ...how, needs }))
    if (needs === null) this.#effects.push({ type: 'estimate', model, instance })
  }

  /** A load that nobody waits for any more is ended: it may be what makes the machine slow. */
  #unwant(model: string): void {
    const place = this.#places.get(model)
    if (!place?.want) return
    this.#places.set(model, { ...place, want: null })
    if (place.isExtra) return
    if (place.phase === 'waiting') this.#drop(model)
    if (place.phase === 'loading') this.#unload(model, { to: 'end', reason: 'abandoned' })
  }

  #drop(model: string): void {
    const place = this.#places.get(model)
    if (!place) return
    this.#places.delete(model)
    this.#effects.push({ type: 'unload', model, instance: place.instance, leaving: { to: 'end', reason: 'abandoned' } })
  }

  #use(event: Of<'use'>): void {
    this.#update(event, ({ users }) => ({ users: users + 1, usedAt: this.#now, isFresh: false, isExtra: false, lastDue: event.due }))
  }

  #estimated(event: Of<'estimated'>): void {
    const learned = this.#state.known.get(event.model)?.needs ?? nothing
    this.#update(event, ({ phase }) => (phase === 'waiting' ? { needs: larger(event.bytes, learned) } : {}))
  }

  #load(model: string, needs: Bytes): void {
    const place = this.#places.get(model)
    if (!place) return
    const isWarm = place.phase === 'parked'
    this.#places.set(model, { ...place, phase: 'loading', bytes: larger(needs, place.bytes), loadBeganAt: this.#now })
    this.#effects.push({ type: 'load', model, instance: place.instance, isWarm })
  }

  #loaded(event: Of<'loaded'>): void {
    const { model, instance, bytes } = event
    const place = this.#current(event)
    if (place?.phase !== 'loading') return
    const loadMs = this.#now - place.loadBeganAt
    this.#learn(model, bytes, loadMs)
    const now = this.#now
    const turnEndsAt = now + Math.min(loadMs, this.#limits.turnMsMax)
    const needs = larger(place.needs ?? nothing, bytes)
    this.#places.set(model, { ...place, phase: 'ready', bytes, needs, isFresh: true, readyAt: now, usedAt: now, turnEndsAt })
    this.#effects.push({ type: 'ready', model, instance })
    this.#keepLimits()
  }

  #loadFailed(event: Of<'load-failed'>): void {
    const place = this.#current(event)
    // An abandoned load failed: nobody waits for it, and who came since wants a new one.
    if (place?.phase === 'unloading') return this.#ended(event)
    if (!place) return
    const { model } = event
    const others = total([...this.#places].filter(([name]) => name !== model).map(([, { bytes }]) => bytes))
    if (!event.isShort || isNothing(others)) return this.#refuse(model, 'load')
    // More than was free when it failed: so another one has to leave before the next attempt, until there is none.
    const needs = larger(place.needs ?? nothing, moreThanFree(this.#state.limits, others))
    this.#places.set(model, { ...place, phase: 'waiting', bytes: nothing, needs })
    if (this.#neverFits(model, needs)) this.#refuse(model, 'load')
  }

  #measured(event: Of<'measured'>): void {
    this.#update(event, ({ phase }) => (phase === 'ready' || phase === 'draining' ? { bytes: event.bytes } : {}))
    if (this.#current(event)?.phase === 'ready') this.#learn(event.model, event.bytes)
    this.#keepLimits()
  }

  #learn(model: string, bytes: Bytes, loadMs?: number): void {
    const before = this.#state.known.get(model)
    this.#know(model, { needs: larger(before?.needs ?? nothing, bytes), loadMs: loadMs ?? before?.loadMs ?? 0 })
  }

  #know(model: string, what: Known): void {
    this.#change({ known: withNewest(this.#state.known, [model, what], this.#limits.knownMax) })
  }

  #parked(event: Of<'parked'>): void {
    const place = this.#current(event)
    if (place?.phase !== 'unloading') return
    const want = place.want && { ...place.want, since: this.#now }
    this.#places.set(event.model, { ...place, phase: 'parked', bytes: event.bytes, isFresh: false, want, leaving: null, isAsked: false })
    if (place.isAsked) this.#unload(event.model, { to: 'end', reason: 'asked' })
  }

  #ended(event: Pick<Of<'ended'>, 'model' | 'instance'>): void {
    const place = this.#current(event)
    if (!place) return
    this.#places.delete(event.model)
    if (place.want) this.#await(event.model, { isExtra: false, due: place.want.due })
  }

  #unloadAsked(model: string): void {
    const place = this.#places.get(model)
    if (!place || place.isAsked) return
    this.#places.set(model, { ...place, isAsked: true })
    if (place.phase === 'parked') this.#unload(model, { to: 'end', reason: 'asked' })
    if (place.phase === 'draining') this.#places.set(model, { ...place, isAsked: true, leaving: { to: 'end', reason: 'asked' } })
  }

  #set({ model, setting }: Of<'set'>): void {
    const settings = new Map(this.#state.settings)
    if (setting) settings.set(model, setting)
    else settings.delete(model)
    this.#change({ settings, plans: without(this.#state.plans, model), retryAt: without(this.#state.retryAt, model) })
    const place = this.#places.get(model)
    if (place?.phase === 'parked' && settingOf(this.#state, model, this.#limits).mode !== 'swap')
      this.#unload(model, { to: 'end', reason: 'idle' })
    if (place?.isExtra && place.phase === 'waiting' && !place.want) this.#drop(model)
    if (setting?.pinned) this.#stay(model)
  }

  #newLimits(limits: Bytes): void {
    this.#change({ limits })
    this.#keepLimits()
  }

  /** More is in memory than may be: what nobody uses goes. */
  #keepLimits(): void {
    const used = new Books(this.#state)
    this.#free(excess(minus(used.used, used.leaving), this.#state.limits), 'pressure')
  }

  #foreground(isOn: boolean): void {
    this.#change({ isHeld: isOn })
    if (!isOn) return
    for (const [model, place] of this.#places)
      if (isIdle(place) && !this.#isPinned(model)) this.#unload(model, { to: 'end', reason: 'foreground' })
  }

  /** As much as can be of it, from models that nobody uses. */
  #free(missing: Bytes, reason: UnloadReason): void {
    if (isNothing(missing)) return
    const mayLeave = (model: string, place: Place): boolean => isIdle(place) && !this.#isPinned(model)
    const idle = [...this.#places]
      .filter(([model, place]) => mayLeave(model, place) && overlap(place.bytes, missing) > 0)
      .map(([model]) => model)
    for (const model of chooseVictims(this.#state, missing, mayLeave, this.#now) ?? idle) this.#unload(model, { to: 'end', reason })
  }

  #refuse(model: string, reason: RefuseReason): void {
    const place = this.#places.get(model)
    if (!place) return
    const { limits, retryAt } = this.#state
    if (place.isExtra || reason === 'load') this.#change({ retryAt: new Map(retryAt).set(model, this.#now + this.#limits.retryMs) })
    if (place.phase === 'parked') this.#places.set(model, { ...place, want: null })
    else this.#places.delete(model)
    this.#effects.push({ type: 'refuse', model, reason, needs: place.needs ?? nothing, limits })
  }

  #leaving(model: string, place: Place, reason: UnloadReason): Leaving {
    const parks =
      settingOf(this.#state, model, this.#limits).mode === 'swap' && place.phase !== 'parked' && !place.isAsked && !this.#state.isHeld
    return { to: parks ? 'park' : 'end', reason }
  }

  /** Takes no more calls, and leaves once the running ones are done. */
  #drain(model: string, leaving: Leaving): void {
    const place = this.#places.get(model)
    if (!place) return
    if (place.users === 0) return this.#unload(model, leaving)
    const want = place.want && { ...place.want, since: this.#now }
    this.#places.set(model, { ...place, phase: 'draining', leaving, want })
    this.#effects.push({ type: 'close', model, instance: place.instance })
  }

  #unload(model: string, leaving: Leaving): void {
    const place = this.#places.get(model)
    if (!place) return
    if (place.phase === 'ready') this.#effects.push({ type: 'close', model, instance: place.instance })
    const want = place.want && { ...place.want, since: this.#now }
    this.#places.set(model, { ...place, phase: 'unloading', leaving, want })
    this.#effects.push({ type: 'unload', model, instance: place.instance, leaving })
  }

  #current({ model, instance }: { readonly model: string; readonly instance: number }): Place | undefined {
    const place = this.#places.get(model)
    return place?.instance === instance ? place : undefined
  }

  #update(of: { readonly model: string; readonly instance: number }, change: (place: Place) => Partial<Place>): void {
    const place = this.#current(of)
    if (place) this.#places.set(of.model, { ...place, ...change(place) })
  }

  #change(change: Partial<ResidencyState>): void {
    this.#state = { ...this.#state, ...change }
  }

  #isPinned(model: string): boolean {
    return settingOf(this.#state, model, this.#limits).pinned
  }
}
