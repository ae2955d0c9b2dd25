import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Simulation, simulate } from '@soma/testkit/simulate'
import {
  type ResidencyEffect,
  type ResidencyEvent,
  type ResidencyLimits,
  type ResidencyState,
  emptyResidency,
  nextTickAt,
  stepResidency,
} from './residency-step.ts'

const limits: ResidencyLimits = { loadedMax: 2, idleUnloadMs: 1000, turnMsMax: 500, waitersMax: 8, waitMsMax: 5000 }

/** A world around the state machine: it carries out effects when told to, and knows what must never happen. */
class World {
  now = 0
  state: ResidencyState = emptyResidency
  readonly limits: ResidencyLimits
  /** Instance → what its process does. */
  readonly stays = new Map<number, { model: string; phase: 'loading' | 'ready' | 'unloading'; leases: number }>()
  readonly waiting = new Map<number, string>()
  readonly leases: Array<{ model: string; instance: number }> = []
  readonly log: string[] = []
  #tickets = 0

  constructor(overrides: Partial<ResidencyLimits> = {}) {
    this.limits = { ...limits, ...overrides }
  }

  acquire(model: string): number {
    const ticket = ++this.#tickets
    this.waiting.set(ticket, model)
    this.post({ type: 'acquire', ticket, model })
    return ticket
  }

  cancel(ticket: number): void {
    this.waiting.delete(ticket)
    this.post({ type: 'cancel', ticket })
  }

  release(lease = this.leases[0]): void {
    assert.ok(lease)
    this.leases.splice(this.leases.indexOf(lease), 1)
    const stay = this.stays.get(lease.instance)
    if (stay) stay.leases -= 1
    this.post({ type: 'release', ...lease })
  }

  loaded(model: string): void {
    const [instance, stay] = this.find(model, 'loading')
    stay.phase = 'ready'
    this.post({ type: 'loaded', model, instance })
  }

  loadFailed(model: string, memoryShort = false): void {
    const [instance] = this.find(model, 'loading')
    this.stays.delete(instance)
    this.post({ type: 'load-failed', model, instance, memoryShort })
  }

  ended(model: string, phase?: 'ready' | 'unloading'): void {
    const [instance] = this.find(model, phase)
    this.stays.delete(instance)
    this.post({ type: 'ended', model, instance })
  }

  find(model: string, phase?: string): [number, { model: string; phase: string; leases: number }] {
    const found = [...this.stays].find(([, stay]) => stay.model === model && (phase === undefined || stay.phase === phase))
    assert.ok(found, `${model} is not ${phase ?? 'there'}`)
    return found
  }

  post(event: ResidencyEvent): void {
    const before = structuredClone(this.state)
    const { state, effects } = stepResidency(this.state, event, this.now, this.limits)
    assert.deepEqual(this.state, before, 'the step changed its input')
    this.state = state
    for (const effect of effects) this.#carryOut(effect)
    assert.ok(this.stays.size <= this.limits.loadedMax, `${this.stays.size} models in memory`)
    assert.ok(this.waiting.size <= this.limits.waitersMax)
    assert.deepEqual(
      state.waiters.map(({ ticket }) => ticket).sort((a, b) => a - b),
      [...this.waiting.keys()].sort((a, b) => a - b),
      'a waiter was lost',
    )
  }

  #carryOut(effect: ResidencyEffect): void {
    this.log.push(`${effect.type} ${effect.model}${'reason' in effect ? ` ${effect.reason}` : ''}`)
    if (effect.type === 'load') return this.#load(effect.model, effect.instance)
    if (effect.type === 'unload') return this.#unload(effect.instance)
    assert.equal(this.waiting.get(effect.ticket), effect.model, 'an answer to nobody')
    this.waiting.delete(effect.ticket)
    if (effect.type === 'refuse') return
    const stay = this.stays.get(effect.instance)
    assert.ok(stay?.phase === 'ready' && stay.model === effect.model, 'granted what is not loaded')
    stay.leases += 1
    this.leases.push({ model: effect.model, instance: effect.instance })
  }

  #load(model: string, instance: number): void {
    assert.ok(![...this.stays.values()].some((stay) => stay.model === model), `${model} is loaded twice`)
    this.stays.set(instance, { model, phase: 'loading', leases: 0 })
  }

  #unload(instance: number): void {
    const stay = this.stays.get(instance)
    assert.ok(stay && stay.phase !== 'unloading', 'unloaded what is not there')
    assert.equal(stay.leases, 0, 'unloaded what is in use')
    stay.phase = 'unloading'
  }
}

function takeLog(world: World): string[] {
  return world.log.splice(0)
}

/** Loads a model and gives its lease back: it stays, idle. */
function warm(world: World, model: string, loadMs = 0): void {
  world.acquire(model)
  world.now += loadMs
  world.loaded(model)
  world.release()
  takeLog(world)
}

describe('residency', () => {
  it('lets all who come during a load share it', () => {
    const world = new World()
    for (let caller = 0; caller < 3; caller++) world.acquire('a')
    world.loaded('a')
    assert.deepEqual(takeLog(world), ['load a', 'grant a', 'grant a', 'grant a'])
  })

  it('evicts the least recently used model that no call uses', () => {
    const world = new World()
    warm(world, 'a')
    world.now += 1
    warm(world, 'b')
    world.now += 1
    world.acquire('a')
    world.release()
    world.acquire('c')
    assert.deepEqual(takeLog(world), ['grant a', 'unload b room'])
    world.ended('b')
    assert.deepEqual(takeLog(world), ['load c'])
  })

  it('evicts no more models than wait for a place', () => {
    const world = new World()
    warm(world, 'a')
    world.now += 1
    warm(world, 'b')
    world.acquire('c')
    world.acquire('c')
    world.post({ type: 'tick' })
    assert.deepEqual(takeLog(world), ['unload a room'])
  })

  it('waits when all models are in use, and takes the first place that becomes free', () => {
    const world = new World()
    world.acquire('a')
    world.acquire('b')
    world.loaded('a')
    world.loaded('b')
    takeLog(world)
    world.acquire('c')
    assert.deepEqual(takeLog(world), [])
    world.release(world.leases[1])
    world.ended('b')
    world.loaded('c')
    assert.deepEqual(takeLog(world), ['unload b room', 'load c', 'grant c'])
  })

  it('refuses who waits too long, and who comes when too many wait', () => {
    const world = new World({ loadedMax: 1, waitersMax: 1 })
    world.acquire('a')
    world.loaded('a')
    world.acquire('b')
    world.acquire('c')
    world.now = nextTickAt(world.state, world.limits) ?? 0
    assert.equal(world.now, limits.waitMsMax)
    world.post({ type: 'tick' })
    assert.deepEqual(takeLog(world), ['load a', 'grant a', 'refuse c waiters', 'refuse b waited'])
  })

  it('unloads an idle model after its time, and never when told so', () => {
    const world = new World()
    warm(world, 'a')
    assert.equal(nextTickAt(world.state, world.limits), limits.idleUnloadMs)
    world.now = limits.idleUnloadMs - 1
    world.post({ type: 'tick' })
    assert.deepEqual(takeLog(world), [])
    world.now += 1
    world.post({ type: 'tick' })
    assert.deepEqual(takeLog(world), ['unload a idle'])
    const never = new World({ idleUnloadMs: 0 })
    warm(never, 'a')
    assert.equal(nextTickAt(never.state, never.limits), undefined)
    never.now = 1e9
    never.post({ type: 'tick' })
    assert.deepEqual(takeLog(never), [])
  })

  it('drains before an asked unload: earlier calls finish, later ones load anew', () => {
    const world = new World()
    world.acquire('a')
    world.loaded('a')
    world.post({ type: 'unload', model: 'a' })
    world.acquire('a')
    assert.deepEqual(takeLog(world), ['load a', 'grant a'])
    world.release()
    world.post({ type: 'unload', model: 'a' })
    world.ended('a')
    world.loaded('a')
    assert.deepEqual(takeLog(world), ['unload a asked', 'load a', 'grant a'])
  })

  it('serves those who waited for a load before it heeds an unload', () => {
    const world = new World()
    world.acquire('a')
    world.post({ type: 'unload', model: 'a' })
    world.loaded('a')
    world.release()
    assert.deepEqual(takeLog(world), ['load a', 'grant a', 'unload a asked'])
    world.post({ type: 'unload', model: 'b' })
    assert.deepEqual(takeLog(world), [])
  })

  it('gives up a load that nobody waits for any more; who comes then gets a new one', () => {
    const world = new World()
    const first = world.acquire('a')
    const second = world.acquire('a')
    world.cancel(first)
    assert.deepEqual(takeLog(world), ['load a'])
    world.cancel(second)
    assert.deepEqual(takeLog(world), ['unload a abandoned'])
    world.acquire('a')
    const [instance] = world.find('a')
    world.stays.delete(instance)
    world.post({ type: 'load-failed', model: 'a', instance, memoryShort: false })
    world.post({ type: 'ended', model: 'a', instance })
    world.loaded('a')
    assert.deepEqual(takeLog(world), ['load a', 'grant a'])
  })

  it('gives a failed load’s error to all who waited for it, and tries again for the next', () => {
    const world = new World()
    world.acquire('a')
    world.acquire('a')
    world.loadFailed('a')
    world.acquire('a')
    assert.deepEqual(takeLog(world), ['load a', 'refuse a load', 'refuse a load', 'load a'])
  })

  it('starts a crashed model anew and ignores the leases of the crashed one', () => {
    const world = new World()
    world.acquire('a')
    world.loaded('a')
    world.ended('a')
    world.acquire('a')
    world.loaded('a')
    world.release()
    assert.deepEqual(takeLog(world), ['load a', 'grant a', 'load a', 'grant a'])
    assert.equal(world.state.residents.get('a')?.leases, 1)
  })

  it('makes room when memory is short, and fails only when nothing can leave', () => {
    const world = new World()
    warm(world, 'a')
    world.acquire('b')
    world.loadFailed('b', true)
    assert.deepEqual(takeLog(world), ['load b', 'unload a room'])
    world.ended('a')
    assert.deepEqual(takeLog(world), ['load b'])
    world.loadFailed('b', true)
    assert.deepEqual(takeLog(world), ['refuse b load'])
  })

  it('forgets a model that waits for memory when its callers leave', () => {
    const world = new World()
    warm(world, 'a')
    const ticket = world.acquire('b')
    world.loadFailed('b', true)
    world.cancel(ticket)
    world.ended('a')
    assert.deepEqual(takeLog(world), ['load b', 'unload a room'])
    assert.equal(world.state.residents.size, 0)
  })

  it('lets a model in constant use serve as long as its load took, then makes it yield', () => {
    const world = new World({ loadedMax: 1 })
    warm(world, 'a', 100)
    world.acquire('a')
    world.acquire('b')
    world.now += 99
    world.acquire('a')
    assert.deepEqual(takeLog(world), ['grant a', 'grant a'], 'within its turn')
    world.now += 1
    world.acquire('a')
    world.release()
    world.release()
    world.ended('a')
    assert.deepEqual(takeLog(world), ['unload a room', 'load b'], 'after its turn the next call waits behind b')
    world.loaded('b')
    world.release()
    world.ended('b')
    assert.deepEqual(takeLog(world), ['grant b', 'unload b room', 'load a'])
  })
})

const models = ['a', 'b', 'c', 'd', 'e']

function randomEvent(world: World, simulation: Simulation): void {
  const loading = [...world.stays.values()].filter(({ phase }) => phase === 'loading')
  const unloading = [...world.stays.values()].filter(({ phase }) => phase === 'unloading')
  const ready = [...world.stays.values()].filter(({ phase }) => phase === 'ready')
  const choices: Array<() => void> = [() => void world.acquire(simulation.pick(models)), () => void world.acquire(simulation.pick(models))]
  if (world.waiting.size > 0) choices.push(() => world.cancel(simulation.pick([...world.waiting.keys()])))
  if (world.leases.length > 0)
    choices.push(
      () => world.release(simulation.pick(world.leases)),
      () => world.release(simulation.pick(world.leases)),
    )
  if (loading.length > 0)
    choices.push(
      () => world.loaded(simulation.pick(loading).model),
      () => world.loadFailed(simulation.pick(loading).model, simulation.chance(0.6)),
    )
  if (unloading.length > 0) choices.push(() => world.ended(simulation.pick(unloading).model))
  if (ready.length > 0 && simulation.chance(0.2)) choices.push(() => world.ended(simulation.pick(ready).model))
  choices.push(() => world.post({ type: 'unload', model: simulation.pick(models) }))
  choices.push(() => {
    world.now += simulation.integer(800)
    world.post({ type: 'tick' })
  })
  simulation.pick(choices)()
}

/** Everything that is under way comes to its good end: then nobody may wait. */
function bringToRest(world: World): void {
  for (let round = 0; round < 1000; round++) {
    const stay = [...world.stays.values()].find(({ phase }) => phase !== 'ready')
    if (world.leases.length > 0) world.release()
    else if (stay?.phase === 'loading') world.loaded(stay.model)
    else if (stay) world.ended(stay.model)
    else return
  }
  assert.fail('it never comes to rest')
}

describe('residency under random events', () => {
  it('never holds too much, never unloads what is in use, never loses a waiter', async () => {
    await simulate(400, (simulation) => {
      const world = new World({ loadedMax: 1 + simulation.integer(3), waitersMax: 1000, turnMsMax: simulation.pick([0, 300]) })
      for (let step = 0; step < 150; step++) randomEvent(world, simulation)
      bringToRest(world)
      assert.deepEqual([...world.waiting], [], 'somebody waits for ever')
      assert.ok([...world.state.residents.values()].every(({ phase, leases }) => phase === 'ready' && leases === 0))
      world.now += limits.idleUnloadMs
      world.post({ type: 'tick' })
      bringToRest(world)
      assert.equal(world.state.residents.size, 0, 'idle models are unloaded in the end')
      assert.equal(nextTickAt(world.state, world.limits), undefined)
    })
  })
})
