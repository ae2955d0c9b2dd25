import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Simulation, simulate } from '@soma/testkit/simulate'
import { type SchedulerEvent, type SchedulerLimits, type SchedulerState, dueOf, emptyScheduler } from './scheduler-state.ts'
import { nextWaitEndsAt, stepScheduler } from './scheduler-step.ts'

interface Call {
  readonly ticket: number
  readonly model: string
  readonly principal: string
  readonly level: number
  readonly arrivedAt: number
  startedAt?: number
}

const models = ['a', 'b', 'c']
const principals = ['owner', 'token:1', 'token:2', 'token:3']

/** Callers and engines around the state machine, and what must never happen. */
class SchedulerWorld {
  now = 0
  state: SchedulerState = emptyScheduler
  readonly limits: SchedulerLimits
  readonly waiting = new Map<number, Call>()
  readonly running = new Map<number, Call>()
  readonly seats = new Map<string, number>()
  readonly wanted = new Map<string, number | null>()
  checksPurity = true
  #tickets = 0

  constructor(overrides: Partial<SchedulerLimits> = {}) {
    this.limits = {
      runningMax: 8,
      queueMax: 16,
      queuedMax: 30,
      ageMs: 1000,
      waitMsMax: 60_000,
      runMsGuess: 100,
      costsMax: 10,
      sharesMax: 4,
      ...overrides,
    }
  }

  arrive(model: string, principal: string, level: number): void {
    const call = { ticket: ++this.#tickets, model, principal, level, arrivedAt: this.now }
    this.waiting.set(call.ticket, call)
    this.post({ type: 'arrive', ...call })
  }

  leave(call: Call): void {
    this.waiting.delete(call.ticket)
    this.post({ type: 'leave', ticket: call.ticket, model: call.model })
  }

  finish(call: Call): void {
    this.running.delete(call.ticket)
    this.post({ type: 'finish', ...call, runMs: this.now - (call.startedAt ?? 0) })
  }

  open(model: string, seats: number): void {
    this.seats.set(model, seats)
    this.post(seats === 0 ? { type: 'close', model } : { type: 'open', model, seats })
  }

  post(event: SchedulerEvent): void {
    const before = this.checksPurity && structuredClone(this.state)
    const { state, effects } = stepScheduler(this.state, event, this.now, this.limits)
    if (before) assert.deepEqual(this.state, before, 'the step changed its input')
    this.state = state
    for (const effect of effects) {
      if (effect.type === 'want') {
        this.wanted.set(effect.model, effect.due)
        continue
      }
      const call = this.waiting.get(effect.ticket)
      assert.ok(call && call.model === effect.model, 'a call is started or refused once, and not after it left')
      if (effect.type === 'refuse') assert.ok(effect.retryAfterMs > 0)
      else this.#start(call)
      this.waiting.delete(effect.ticket)
    }
    this.#check()
  }

  #start(call: Call): void {
    const overdue = [...this.waiting.values()].filter((one) => one.model === call.model && this.now >= dueOf(one, this.limits.ageMs))
    const first = overdue.sort((a, b) => a.ticket - b.ticket)[0]
    assert.ok(!first || first.ticket === call.ticket, 'an overdue call was overtaken')
    call.startedAt = this.now
    this.running.set(call.ticket, call)
  }

  #check(): void {
    const { limits, state } = this
    const of = (calls: Iterable<Call>, model: string): Call[] => [...calls].filter((call) => call.model === model)
    assert.ok(this.running.size <= limits.runningMax)
    assert.equal(state.running, this.running.size)
    assert.equal(state.waiting, this.waiting.size)
    assert.ok(this.waiting.size <= limits.queuedMax)
    assert.ok(state.ahead.size <= limits.sharesMax && state.costs.size <= limits.costsMax, 'it remembers more than it may')
    for (const model of models) {
      const waiting = of(this.waiting.values(), model)
      const free = (this.seats.get(model) ?? 0) - of(this.running.values(), model).length
      assert.ok(waiting.length <= limits.queueMax)
      assert.ok(waiting.length === 0 || free <= 0 || this.running.size >= limits.runningMax, 'a seat is free and somebody waits')
      const due = waiting.length === 0 ? null : Math.min(...waiting.map((call) => dueOf(call, limits.ageMs)))
      assert.equal(this.wanted.get(model) ?? null, due, 'the residency was told something else')
    }
  }
}

function randomStep(world: SchedulerWorld, { pick, integer, chance }: Simulation): void {
  const waiting = [...world.waiting.values()]
  const running = [...world.running.values()]
  const choices: Array<() => void> = [
    () => world.arrive(pick(models), pick(principals), integer(5)),
    () => world.arrive(pick(models), pick(principals), integer(5)),
    () => (world.now += integer(chance(0.1) ? 9000 : 300)),
    () => world.open(pick(models), integer(4)),
  ]
  if (running.length > 0)
    choices.push(
      () => world.finish(pick(running)),
      () => world.finish(pick(running)),
    )
  if (waiting.length > 0 && chance(0.3)) choices.push(() => world.leave(pick(waiting)))
  if (chance(0.1))
    choices.push(
      () => world.post({ type: 'fail', model: pick(models) }),
      () => world.post({ type: 'tick' }),
    )
  pick(choices)()
}

describe('the scheduler under random events', () => {
  it('keeps its limits, answers every call once, wastes no seat, and overtakes no overdue call', async () => {
    await simulate(4000, (simulation) => {
      const world = new SchedulerWorld({ runningMax: 1 + simulation.integer(5), queueMax: 1 + simulation.integer(12) })
      world.checksPurity = simulation.chance(0.05)
      for (let step = 0; step < 45; step++) randomStep(world, simulation)
      for (const model of models) world.open(model, 1)
      for (let rounds = 0; world.running.size > 0; rounds++) {
        assert.ok(rounds < 1000)
        world.finish([...world.running.values()][0] as Call)
      }
      assert.equal(world.waiting.size, 0, 'somebody is left')
      for (const model of models) world.open(model, 0)
      assert.deepEqual([world.state.lines.size, world.state.running, world.state.waiting], [0, 0, 0])
      assert.equal(nextWaitEndsAt(world.state, world.limits), undefined)
    })
  })

  it('starves nobody: under any mix a call waits no longer than its ageing and the run time of those before it', async () => {
    await simulate(1000, (simulation) => {
      const { pick, integer } = simulation
      const world = new SchedulerWorld({ queueMax: 64, queuedMax: 64, runningMax: 1 })
      world.checksPurity = false
      world.open('a', 1)
      const runMs = 20 + integer(200)
      world.arrive('a', 'owner', 0)
      let longest = 0
      // The seat is never free, and calls of the most urgent kind come all the time.
      for (let turn = 0; turn < 200; turn++) {
        const [call] = world.running.values()
        if (!call) break
        world.now += runMs
        for (let more = 0; more < 1 + integer(2) && world.waiting.size < 20; more++)
          world.arrive('a', pick(principals), pick([0, 0, 0, 1, 2, 3, 4]))
        world.finish(call)
        for (const { startedAt, arrivedAt } of world.running.values()) longest = Math.max(longest, (startedAt ?? 0) - arrivedAt)
      }
      const bound = 5 * world.limits.ageMs + 21 * runMs
      assert.ok(longest <= bound, `a call waited ${longest} ms; ${bound} are allowed`)
    })
  })
})

describe('the scheduler', () => {
  it('shares run time, not calls, among principals of the same priority', async () => {
    const world = new SchedulerWorld({ ageMs: 1e9, runningMax: 1, sharesMax: 100 })
    world.open('a', 1)
    const runMs: Readonly<Record<string, number>> = { owner: 300, 'token:1': 100 }
    const served: Record<string, number> = { owner: 0, 'token:1': 0 }
    for (let turn = 0; turn < 400; turn++) {
      for (const principal of Object.keys(served))
        while ([...world.waiting.values()].filter((call) => call.principal === principal).length < 3) world.arrive('a', principal, 2)
      const [call] = [...world.running.values()] as [Call]
      world.now += runMs[call.principal] ?? 0
      served[call.principal] = (served[call.principal] ?? 0) + (runMs[call.principal] ?? 0)
      world.finish(call)
    }
    const ratio = (served['owner'] ?? 0) / (served['token:1'] ?? 1)
    assert.ok(ratio > 0.9 && ratio < 1.1, `run time was shared ${JSON.stringify(served)}`)
  })

  it('remembers a bounded number of callers, those longest who had most', () => {
    const world = new SchedulerWorld({ queueMax: 1000, queuedMax: 1000, sharesMax: 16, runningMax: 1000 })
    world.open('a', 1000)
    for (let count = 0; count < 3; count++) world.arrive('a', 'greedy', 2)
    for (let caller = 0; caller < 200; caller++) world.arrive('a', `token:${caller}`, 2)
    assert.ok(world.state.ahead.size <= 16)
    assert.ok((world.state.ahead.get('2 greedy') ?? 0) >= 300)
  })

  it('takes the more urgent call first, and one that has waited long before it', () => {
    const world = new SchedulerWorld({ runningMax: 1 })
    const order: number[] = []
    world.arrive('a', 'owner', 3)
    world.now = 500
    world.arrive('a', 'owner', 2)
    world.arrive('a', 'owner', 0)
    world.open('a', 1)
    for (let turn = 0; turn < 3; turn++) {
      const [call] = [...world.running.values()] as [Call]
      order.push(call.ticket)
      world.finish(call)
    }
    assert.deepEqual(order, [3, 2, 1])
    world.open('a', 0)
    world.arrive('a', 'owner', 3)
    world.now += 4000
    world.arrive('a', 'owner', 0)
    world.open('a', 1)
    assert.deepEqual([...world.running.keys()], [4])
  })

  it('refuses what comes when a queue is full, and leaves room for others than the one who fills it', () => {
    const world = new SchedulerWorld({ queueMax: 8, queuedMax: 12 })
    for (let count = 0; count < 8; count++) world.arrive('a', 'owner', 2)
    assert.equal(world.waiting.size, 7)
    world.arrive('a', 'token:1', 2)
    world.arrive('a', 'token:2', 2)
    assert.equal(world.waiting.size, 8)
    for (let count = 0; count < 5; count++) world.arrive('b', 'owner', 2)
    assert.equal(world.waiting.size, 12)
    world.now = world.limits.waitMsMax
    assert.equal(nextWaitEndsAt(world.state, world.limits), world.now)
    world.post({ type: 'tick' })
    assert.equal(world.waiting.size, 0)
  })
})
