import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simulate } from '@soma/testkit/simulate'
import { nextTickAt } from './leave-times.ts'
import { bringToRest, randomEvent, randomWorld } from './test-residency.ts'

describe('residency under random events', () => {
  it('keeps its budget, unloads nothing in use and nothing pinned, loses no call, and lets nobody wait for ever', async () => {
    await simulate(4000, (simulation) => {
      const world = randomWorld(simulation)
      for (let step = 0; step < 45; step++) randomEvent(world, simulation)
      bringToRest(world)
      assert.deepEqual([...world.wants], [], 'somebody waits for ever')
    })
  })

  it('has nothing left in memory in the end, but what is to stay', async () => {
    await simulate(500, (simulation) => {
      const world = randomWorld(simulation)
      for (let step = 0; step < 40; step++) randomEvent(world, simulation)
      bringToRest(world)
      for (const model of Object.keys(world.sizes)) world.set(model, { mode: simulation.pick(['dynamic', 'timeout']) })
      for (let round = 0; round < 200 && world.stays.size > 0; round++) {
        bringToRest(world)
        if (world.in('ready', 'parked').length > 0) world.tickWhenDue()
      }
      assert.deepEqual([...world.state.places.keys()], [])
      assert.equal(nextTickAt(world.state, world.now, world.limits), undefined)
    })
  })
})
