import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simulate } from '@soma/testkit/simulate'
import { type SchedulerEvent, type SchedulerLimits, type SchedulerState, emptyScheduler, stepScheduler } from './scheduler-step.ts'

const limits: SchedulerLimits = { perModelMax: 1, runningMax: 2, queueMax: 3, queuedMax: 5 }

/** Feeds events and collects what they caused, as `start 1`, `refuse 4 model-queue`. */
function feed(
  events: readonly SchedulerEvent[],
  from: SchedulerState = emptyScheduler,
  within = limits,
): { state: SchedulerState; log: string[] } {
  let state = from
  const log: string[] = []
  for (const event of events) {
    const step = stepScheduler(state, event, within)
    state = step.state
    for (const effect of step.effects) log.push(`${effect.type} ${effect.ticket}${effect.type === 'refuse' ? ` ${effect.reason}` : ''}`)
  }
  return { state, log }
}

function arrivals(model: string, ...tickets: number[]): SchedulerEvent[] {
  return tickets.map((ticket) => ({ type: 'arrive', ticket, model }))
}

describe('the scheduler', () => {
  it('runs one call of a model at a time, in order of arrival', () => {
    const finish: SchedulerEvent = { type: 'finish', model: 'a' }
    const { state, log } = feed([...arrivals('a', 1, 2, 3), finish, finish, finish])
    assert.deepEqual(log, ['start 1', 'start 2', 'start 3'])
    assert.deepEqual(state, emptyScheduler)
  })

  it('refuses what comes when a model’s queue, or all queues together, are full', () => {
    assert.deepEqual(feed(arrivals('a', 1, 2, 3, 4, 5)).log, ['start 1', 'refuse 5 model-queue'])
    const all = feed([...arrivals('a', 1, 2, 3), ...arrivals('b', 4, 5, 6), ...arrivals('c', 7, 8)])
    assert.deepEqual(all.log, ['start 1', 'start 4', 'refuse 8 all-queues'])
  })

  it('forgets a queued call that leaves, and ignores one that has started', () => {
    const { log, state } = feed([
      ...arrivals('a', 1, 2, 3),
      { type: 'leave', model: 'a', ticket: 2 },
      { type: 'leave', model: 'a', ticket: 1 },
      { type: 'finish', model: 'a' },
    ])
    assert.deepEqual(log, ['start 1', 'start 3'])
    assert.equal(state.running, 1)
  })

  it('gives a free slot to the model that has waited longest since its last turn', () => {
    const one = { ...limits, runningMax: 1, queueMax: 10, queuedMax: 10 }
    const start = feed([...arrivals('a', 1, 2, 3), ...arrivals('b', 4, 5), ...arrivals('c', 6)], emptyScheduler, one)
    const turns = ['a', 'b', 'c', 'a', 'b'].map((model) => ({ type: 'finish' as const, model }))
    assert.deepEqual(feed(turns, start.state, one).log, ['start 4', 'start 6', 'start 2', 'start 5', 'start 3'])
  })
})

describe('a model that may run several calls', () => {
  it('takes no second slot while another model waits for its first', () => {
    const two = { ...limits, perModelMax: 2 }
    const start = feed([...arrivals('x', 1, 2), ...arrivals('a', 3, 4, 5), ...arrivals('b', 6)], emptyScheduler, two)
    const finish: SchedulerEvent = { type: 'finish', model: 'x' }
    assert.deepEqual(feed([finish, finish], start.state, two).log, ['start 3', 'start 6'])
  })
})

describe('the scheduler under random events', () => {
  it('keeps its limits, starts in order, idles never while it could run, and is fair', async () => {
    await simulate(200, (simulation) => {
      const within: SchedulerLimits = {
        perModelMax: 1 + simulation.integer(2),
        runningMax: 1 + simulation.integer(3),
        queueMax: 1 + simulation.integer(6),
        queuedMax: 4 + simulation.integer(10),
      }
      const models = ['a', 'b', 'c', 'd']
      const queued = new Map(models.map((model) => [model, [] as number[]]))
      const running = new Map(models.map((model) => [model, 0]))
      let state = emptyScheduler
      let ticket = 0
      const runningTotal = (): number => [...running.values()].reduce((sum, count) => sum + count, 0)
      const queueOf = (model: string): number[] => queued.get(model) ?? []
      const post = (event: SchedulerEvent): void => {
        const before = structuredClone(state)
        const step = stepScheduler(state, event, within)
        assert.deepEqual(state, before, 'the step changed its input')
        state = step.state
        for (const effect of step.effects) {
          const queue = queueOf(effect.model)
          if (effect.type === 'refuse') assert.equal(queue.pop(), effect.ticket)
          else {
            assert.equal(queue.shift(), effect.ticket, 'out of order')
            running.set(effect.model, (running.get(effect.model) ?? 0) + 1)
          }
        }
        const startable = models.filter((model) => queueOf(model).length > 0 && (running.get(model) ?? 0) < within.perModelMax)
        assert.ok(runningTotal() <= within.runningMax)
        assert.ok(models.every((model) => (running.get(model) ?? 0) <= within.perModelMax && queueOf(model).length <= within.queueMax))
        assert.ok(startable.length === 0 || runningTotal() === within.runningMax, 'a slot is free and somebody waits')
        assert.equal(
          state.waiting,
          models.reduce((sum, model) => sum + queueOf(model).length, 0),
        )
        assert.equal(state.running, runningTotal())
      }
      const arrive = (model: string): void => {
        queueOf(model).push(++ticket)
        post({ type: 'arrive', ticket, model })
      }
      const finish = (model: string): void => {
        running.set(model, (running.get(model) ?? 0) - 1)
        post({ type: 'finish', model })
      }
      for (let step = 0; step < 200; step++) {
        const busy = models.filter((model) => (running.get(model) ?? 0) > 0)
        const model = simulation.pick(models)
        if (busy.length > 0 && simulation.chance(0.4)) finish(simulation.pick(busy))
        else if (queueOf(model).length > 0 && simulation.chance(0.2)) {
          const [leaving] = queueOf(model).splice(simulation.integer(queueOf(model).length), 1)
          post({ type: 'leave', model, ticket: leaving ?? 0 })
        } else arrive(model)
      }
      for (let rounds = 0; runningTotal() > 0; rounds++) {
        assert.ok(rounds < 1000)
        finish(models.find((model) => (running.get(model) ?? 0) > 0) ?? '')
      }
      assert.deepEqual(state, emptyScheduler, 'nobody is left')
    })
  })

  it('serves models that always have calls waiting equally often', () => {
    const one: SchedulerLimits = { perModelMax: 1, runningMax: 1, queueMax: 100, queuedMax: 1000 }
    let { state } = feed(
      ['a', 'b', 'c'].flatMap((model, index) => arrivals(model, ...Array.from({ length: 50 }, (_, n) => index * 50 + n))),
      emptyScheduler,
      one,
    )
    const served = new Map<string, number>()
    let current = 'a'
    for (let turn = 0; turn < 90; turn++) {
      served.set(current, (served.get(current) ?? 0) + 1)
      const step = stepScheduler(state, { type: 'finish', model: current }, one)
      state = step.state
      current = step.effects[0]?.model ?? ''
    }
    assert.deepEqual(Object.fromEntries(served), { a: 30, b: 30, c: 30 })
  })
})
