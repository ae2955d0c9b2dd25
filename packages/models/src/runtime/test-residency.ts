import assert from 'node:assert/strict'
import type { ResidencySetting } from '@soma/spec'
import type { Simulation } from '@soma/testkit/simulate'
import { type Bytes, excess, isNothing, larger, total } from './budget.ts'
import { type ResidencyEffect, type ResidencyEvent, type ResidencyLimits, type ResidencyState, emptyResidency } from './residency-state.ts'
import { nextTickAt } from './leave-times.ts'
import { stepResidency } from './residency-step.ts'

export const limits: ResidencyLimits = {
  collateMs: 1000,
  urgentMs: 15_000,
  gapMs: 50,
  turnMsMax: 500,
  retryMs: 5000,
  heldIdleMs: 200,
  idleMs: 10_000,
  fallback: { mode: 'timeout', pinned: false },
  knownMax: 100,
}

/** One stay of a model, as the machine around the state machine sees it. */
interface Stay {
  readonly model: string
  readonly instance: number
  phase: 'asked' | 'loading' | 'ready' | 'leaving' | 'parked'
  to: 'end' | 'park'
  users: number
  bytes: Bytes
  isOpen: boolean
}

/** Everything around the state machine: it carries out effects when told to, and knows what must never happen. */
export class ResidencyWorld {
  now = 0
  state: ResidencyState = emptyResidency
  readonly sizes: Readonly<Record<string, Bytes>>
  readonly limits: ResidencyLimits
  readonly stays = new Map<string, Stay>()
  /** Model → when its calls began to wait. */
  readonly wants = new Map<string, { due: number; since: number }>()
  readonly log: string[] = []
  checksPurity = true

  constructor(sizes: Readonly<Record<string, Bytes>>, budget: Bytes, overrides: Partial<ResidencyLimits> = {}) {
    this.sizes = sizes
    this.limits = { ...limits, ...overrides }
    this.post({ type: 'limits', limits: budget })
  }

  set(model: string, setting: Partial<ResidencySetting>): void {
    this.post({ type: 'set', model, setting: { mode: 'timeout', pinned: false, ...setting } })
  }

  /** A call comes that is overdue so long from now. */
  call(model: string, patienceMs = 30_000): void {
    const due = Math.min(this.now + patienceMs, this.wants.get(model)?.due ?? Infinity)
    this.wants.set(model, { due, since: this.wants.get(model)?.since ?? this.now })
    this.post({ type: 'want', model, due })
    this.#startWaiting(model)
  }

  giveUp(model: string): void {
    this.wants.delete(model)
    this.post({ type: 'unwant', model })
  }

  release(model: string): void {
    const stay = this.stay(model)
    stay.users -= 1
    this.post({ type: 'release', model, instance: stay.instance })
  }

  estimated(model: string, bytes = this.sizes[model] ?? {}): void {
    const stay = this.stay(model, 'asked')
    this.post({ type: 'estimated', model, instance: stay.instance, bytes })
  }

  loaded(model: string, bytes = this.sizes[model] ?? {}): void {
    const stay = this.stay(model, 'loading')
    Object.assign(stay, { phase: 'ready', bytes })
    this.post({ type: 'loaded', model, instance: stay.instance, bytes })
  }

  loadFailed(model: string, isShort = false): void {
    const { instance } = this.stay(model)
    this.stays.delete(model)
    this.post({ type: 'load-failed', model, instance, isShort })
  }

  left(model: string): void {
    const stay = this.stay(model, 'leaving')
    if (stay.to === 'end') this.stays.delete(model)
    const bytes = { memory: 1 }
    if (stay.to === 'park') Object.assign(stay, { phase: 'parked', bytes })
    this.post(
      stay.to === 'end' ? { type: 'ended', model, instance: stay.instance } : { type: 'parked', model, instance: stay.instance, bytes },
    )
  }

  crash(model: string): void {
    const { instance } = this.stay(model)
    this.stays.delete(model)
    this.post({ type: 'ended', model, instance })
  }

  stay(model: string, phase?: Stay['phase']): Stay {
    const stay = this.stays.get(model)
    assert.ok(stay && (phase === undefined || stay.phase === phase), `${model} is not ${phase ?? 'there'}`)
    return stay
  }

  in(...phases: ReadonlyArray<Stay['phase']>): string[] {
    return [...this.stays.values()].filter(({ phase }) => phases.includes(phase)).map(({ model }) => model)
  }

  tick(): void {
    this.post({ type: 'tick' })
  }

  /** Moves on to the next thing that is due. */
  tickWhenDue(): void {
    const at = nextTickAt(this.state, this.now, this.limits)
    assert.ok(at !== undefined, 'nothing is due')
    this.now = Math.max(this.now, at)
    this.tick()
  }

  takeLog(): string[] {
    return this.log.splice(0)
  }

  post(event: ResidencyEvent): void {
    // Costs ten times the step itself: a part of the runs is enough.
    const before = this.checksPurity && structuredClone(this.state)
    const { state, effects } = stepResidency(this.state, event, this.now, this.limits)
    if (before) assert.deepEqual(this.state, before, 'the step changed its input')
    this.state = state
    for (const effect of effects) this.#carryOut(effect)
    this.#checkBooks()
  }

  #checkBooks(): void {
    for (const model of this.wants.keys()) assert.ok(this.state.places.get(model)?.want, `the calls of ${model} are lost`)
    for (const [model, { users }] of this.state.places) assert.equal(users, this.stays.get(model)?.users ?? 0)
  }

  #carryOut(effect: ResidencyEffect): void {
    const { model } = effect
    // That a model which leaves takes no calls goes without saying.
    if (effect.type !== 'close' || this.state.places.get(model)?.phase === 'draining') this.log.push(describe(effect))
    switch (effect.type) {
      case 'estimate':
        return this.#begin(model, effect.instance, 'asked')
      case 'load':
        return this.#load(model, effect.instance, effect.isWarm)
      case 'ready':
        return this.#open(model, effect.instance)
      case 'close':
        this.stay(model).isOpen = false
        return undefined
      case 'unload':
        return this.#unload(effect)
      case 'refuse':
        this.wants.delete(model)
        if (this.stays.get(model)?.phase === 'asked') this.stays.delete(model)
    }
  }

  #begin(model: string, instance: number, phase: Stay['phase']): void {
    const was = this.stays.get(model)
    assert.ok(!was || (was.instance === instance && was.phase === 'asked'), `${model} is there twice`)
    this.stays.set(model, { model, instance, phase, to: 'end', users: 0, bytes: {}, isOpen: false })
  }

  #load(model: string, instance: number, isWarm: boolean): void {
    if (isWarm) Object.assign(this.stay(model, 'parked'), { phase: 'loading' })
    else this.#begin(model, instance, 'loading')
    this.stay(model).bytes = this.state.places.get(model)?.bytes ?? {}
    const held = total([...this.stays.values()].map(({ bytes }) => bytes))
    assert.ok(isNothing(excess(held, this.state.limits)), `over budget: ${JSON.stringify(held)} of ${JSON.stringify(this.state.limits)}`)
  }

  #open(model: string, instance: number): void {
    const stay = this.stay(model, 'ready')
    assert.equal(stay.instance, instance)
    stay.isOpen = true
    this.#startWaiting(model)
  }

  #startWaiting(model: string): void {
    const stay = this.stays.get(model)
    const want = this.wants.get(model)
    if (!want || !stay?.isOpen) return
    stay.users += 1
    this.wants.delete(model)
    this.post({ type: 'use', model, instance: stay.instance, due: want.due })
    this.post({ type: 'unwant', model })
  }

  #unload({ model, leaving, instance }: Extract<ResidencyEffect, { type: 'unload' }>): void {
    // One that waited for room alone had not begun.
    if (leaving.reason === 'abandoned' && !this.stays.has(model)) return
    const stay = this.stay(model)
    assert.equal(stay.instance, instance)
    assert.equal(stay.users, 0, `${model} was unloaded while calls use it`)
    const isPinned = this.state.settings.get(model)?.pinned === true && stay.phase !== 'parked'
    assert.ok(!isPinned || !['room', 'pressure', 'foreground', 'idle'].includes(leaving.reason), `pinned ${model} left: ${leaving.reason}`)
    if (stay.phase === 'asked') this.stays.delete(model)
    else Object.assign(stay, { phase: 'leaving', to: leaving.to, isOpen: false })
  }
}

function describe(effect: ResidencyEffect): string {
  const { type, model } = effect
  if (type === 'load') return effect.isWarm ? `load ${model} warm` : `load ${model}`
  if (type === 'refuse') return `refuse ${model} ${effect.reason}`
  if (type !== 'unload') return `${type} ${model}`
  const { to, reason, by } = effect.leaving
  return `${to === 'park' ? 'park' : 'unload'} ${model} ${reason}${by ? ` ${by}` : ''}`
}

export function randomWorld({ integer, chance, pick }: Simulation): ResidencyWorld {
  const size = (): Record<string, number> => ({ memory: 1 + integer(5), ...(chance(0.3) && { 'cuda:0': 1 + integer(4) }) })
  const sizes = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].slice(0, 3 + integer(3)).map((model) => [model, size()]))
  const budget = { memory: 4 + integer(8), ...(chance(0.7) && { 'cuda:0': 3 + integer(4) }) }
  const world = new ResidencyWorld(sizes, budget, { collateMs: pick([0, 300, 1000]), turnMsMax: pick([0, 500]) })
  world.checksPurity = chance(0.05)
  for (const model of Object.keys(sizes))
    if (chance(0.7)) world.set(model, { mode: pick(['dynamic', 'persistent', 'timeout', 'swap', 'adaptive']), pinned: chance(0.15) })
  return world
}

/** Something that may happen happens. */
export function randomEvent(world: ResidencyWorld, simulation: Simulation): void {
  const models = Object.keys(world.sizes)
  const { pick, chance, integer } = simulation
  const inUse = [...world.stays.values()].filter(({ users }) => users > 0).map(({ model }) => model)
  const waiting = [...world.wants.keys()]
  const choices: Array<() => void> = [
    () => world.call(pick(models), pick([0, 10_000, 30_000, 50_000])),
    () => world.call(pick(models)),
    () => {
      world.now += integer(chance(0.2) ? 12_000 : 400)
      world.tick()
    },
  ]
  const when = (models: readonly string[], act: (model: string) => void): void => {
    if (models.length > 0) choices.push(() => act(pick(models)))
  }
  when(inUse, (model) => world.release(model))
  when(inUse, (model) => world.release(model))
  when(
    world.in('asked').filter((model) => world.state.places.get(model)?.needs === null),
    (model) => world.estimated(model),
  )
  when(world.in('loading'), (model) => world.loaded(model))
  when(world.in('loading'), (model) => world.loadFailed(model, chance(0.6)))
  when(world.in('leaving'), (model) => world.left(model))
  if (chance(0.3)) {
    when(waiting, (model) => world.giveUp(model))
    when(world.in('ready'), (model) => world.crash(model))
    when(world.in('parked'), (model) => world.crash(model))
    when(models, (model) => world.post({ type: 'unload', model }))
    when(models, (model) => world.post({ type: 'forget', model }))
    // Learned before a restart, of a model that is as large, or was larger then.
    when(models, (model) => {
      const needs = chance(0.7) ? (world.sizes[model] ?? {}) : { memory: 1 + integer(12), 'cuda:0': integer(7) }
      world.post({ type: 'remember', model, known: { needs: larger(needs, world.sizes[model] ?? {}), loadMs: integer(5000) } })
    })
    when(models, (model) => world.set(model, { mode: pick(['dynamic', 'persistent', 'timeout', 'swap', 'adaptive']), pinned: chance(0.2) }))
    when(models, (model) =>
      world.post({ type: 'plan', model, plan: { keepMs: integer(5000), expectAt: chance(0.5) ? world.now + integer(5000) : null } }),
    )
    choices.push(() => world.post({ type: 'foreground', isOn: chance(0.4) }))
    choices.push(() => world.post({ type: 'pressure', isOn: chance(0.5), free: { memory: integer(8) } }))
  }
  pick(choices)()
}

/** Everything under way comes to its good end, and time passes: then nobody may wait. @returns the longest that anybody waited. */
export function bringToRest(world: ResidencyWorld): void {
  world.post({ type: 'pressure', isOn: false, free: {} })
  world.post({ type: 'foreground', isOn: false })
  for (let round = 0; round < 2000; round++) {
    const inUse = [...world.stays.values()].find(({ users }) => users > 0)
    const [asked] = world.in('asked').filter((model) => world.state.places.get(model)?.needs === null)
    const [loading] = world.in('loading')
    const [leaving] = world.in('leaving')
    if (inUse) world.release(inUse.model)
    else if (asked) world.estimated(asked)
    else if (loading) world.loaded(loading)
    else if (leaving) world.left(leaving)
    else if (world.wants.size > 0) world.tickWhenDue()
    else return
  }
  assert.fail('it never comes to rest')
}
