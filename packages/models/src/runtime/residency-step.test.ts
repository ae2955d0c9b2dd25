import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { simulate } from '@soma/testkit/simulate'
import { ResidencyWorld } from './test-residency.ts'

const GB = 1

/** Calls a model and loads it, in so many ms; its call is over then. */
function warm(world: ResidencyWorld, model: string, loadMs = 0): void {
  world.call(model)
  if (world.stays.get(model)?.phase === 'asked') world.estimated(model)
  world.now += loadMs
  world.loaded(model)
  world.release(model)
  world.takeLog()
}

describe('room in memory', () => {
  it('is made by the idle model that frees most, was unused longest and is loaded fastest', () => {
    const world = new ResidencyWorld({ old: { memory: 2 * GB }, slow: { memory: 2 * GB }, next: { memory: 2 * GB } }, { memory: 5 * GB })
    warm(world, 'slow', 1000)
    warm(world, 'old', 10)
    world.now += 1000
    world.call('next')
    world.estimated('next')
    assert.deepEqual(world.takeLog(), ['estimate next', 'unload old room next'])
    world.left('old')
    assert.deepEqual(world.takeLog(), ['load next'])
  })

  it('is made by one large model rather than several small ones and it', () => {
    const sizes = { s1: { memory: 1 }, s2: { memory: 1 }, large: { memory: 6 }, next: { memory: 6 } }
    const world = new ResidencyWorld(sizes, { memory: 8 })
    for (const model of ['s1', 's2', 'large']) warm(world, model, 10)
    world.now += 100
    world.call('next')
    world.estimated('next')
    assert.deepEqual(world.takeLog(), ['estimate next', 'unload large room next'])
  })

  it('is on the device where it is missing', () => {
    const sizes = { cpu: { memory: 4 }, gpu: { memory: 1, 'cuda:0': 4 }, next: { memory: 1, 'cuda:0': 3 } }
    const world = new ResidencyWorld(sizes, { memory: 8, 'cuda:0': 5 })
    warm(world, 'cpu', 10)
    warm(world, 'gpu', 10)
    world.now += 100
    world.call('next')
    world.estimated('next')
    assert.deepEqual(world.takeLog(), ['estimate next', 'unload gpu room next'])
  })

  it('that can never be is refused at once; pinned models are never in the way of what fits beside them', () => {
    const world = new ResidencyWorld(
      { huge: { memory: 9 }, pinned: { memory: 5 }, next: { memory: 4 }, small: { memory: 3 } },
      { memory: 8 },
    )
    world.call('huge')
    world.estimated('huge')
    assert.deepEqual(world.takeLog(), ['estimate huge', 'refuse huge too-large'])
    warm(world, 'pinned')
    world.set('pinned', { pinned: true })
    world.call('next')
    world.estimated('next')
    world.call('small')
    world.estimated('small')
    assert.deepEqual(world.takeLog(), ['estimate next', 'refuse next pinned', 'estimate small', 'load small'])
  })

  it('is known before the next load from what it took the last time', () => {
    const world = new ResidencyWorld({ a: { memory: 4 }, b: { memory: 4 } }, { memory: 8 })
    world.call('a')
    world.estimated('a', { memory: 1 })
    world.loaded('a', { memory: 5 })
    world.release('a')
    world.post({ type: 'unload', model: 'a' })
    world.left('a')
    world.takeLog()
    warm(world, 'b')
    world.now += 100
    world.call('a')
    assert.deepEqual(world.takeLog(), ['unload b room a'])
  })

  it('that the engine itself did not find is made by one model after the other, until none is left', () => {
    const world = new ResidencyWorld({ a: { memory: 2 }, b: { memory: 2 }, next: { memory: 2 } }, { memory: 8 })
    warm(world, 'a')
    world.now += 100
    warm(world, 'b')
    world.now += 100
    world.call('next')
    world.estimated('next')
    const log = world.takeLog()
    world.loadFailed('next', true)
    log.push(...world.takeLog())
    world.left('a')
    world.loadFailed('next', true)
    log.push(...world.takeLog())
    world.left('b')
    world.loadFailed('next', true)
    log.push(...world.takeLog())
    assert.deepEqual(log, [
      'estimate next',
      'load next',
      'unload a room next',
      'load next',
      'unload b room next',
      'load next',
      'refuse next load',
    ])
  })
})

describe('a swap', () => {
  /** `a` is in use, and there is no room beside it for `b`. */
  function contended(overrides = {}): ResidencyWorld {
    const world = new ResidencyWorld({ a: { memory: 5 }, b: { memory: 5 } }, { memory: 8 }, overrides)
    world.call('a')
    world.estimated('a')
    world.loaded('a')
    world.call('b')
    world.estimated('b')
    world.takeLog()
    return world
  }

  it('waits while calls of the model in memory come, but no longer than it may; then it drains', () => {
    const world = contended()
    world.now += 900
    world.call('a')
    world.release('a')
    assert.deepEqual(world.takeLog(), [])
    world.now += 100
    world.tick()
    world.call('a')
    assert.deepEqual(world.takeLog(), ['close a'])
    world.release('a')
    world.left('a')
    world.loaded('b')
    assert.deepEqual(world.takeLog(), ['unload a room b', 'load b', 'ready b'])
  })

  it('does not wait for calls that are far less urgent', () => {
    const world = new ResidencyWorld({ a: { memory: 5 }, b: { memory: 5 } }, { memory: 8 })
    world.call('a', 40_000)
    world.estimated('a')
    world.loaded('a')
    world.takeLog()
    world.call('b', 10_000)
    world.estimated('b')
    assert.deepEqual(world.takeLog(), ['estimate b', 'close a'])
  })

  it('is called off when nobody waits for it any more', () => {
    const world = contended()
    world.now += 1000
    world.tick()
    assert.deepEqual(world.takeLog(), ['close a'])
    world.giveUp('b')
    assert.deepEqual(world.takeLog(), ['unload b abandoned', 'ready a'])
  })

  it('lets a model serve at least as long as its load took', () => {
    const world = new ResidencyWorld({ a: { memory: 5 }, b: { memory: 5 } }, { memory: 8 }, { collateMs: 0, gapMs: 0 })
    world.call('a')
    world.estimated('a')
    world.now += 400
    world.loaded('a')
    world.call('b')
    world.estimated('b')
    world.takeLog()
    world.now += 399
    world.tick()
    assert.deepEqual(world.takeLog(), [])
    world.now += 1
    world.tick()
    assert.deepEqual(world.takeLog(), ['close a'])
  })

  it('gets its turn within a bound, however many call the other models', async () => {
    await simulate(500, ({ pick, integer }) => {
      const models = ['a', 'b', 'c']
      const world = new ResidencyWorld(Object.fromEntries(models.map((model) => [model, { memory: 5 }])), { memory: 8 }, { collateMs: 300 })
      world.checksPurity = false
      let longest = 0
      for (let step = 0; step < 400; step++) {
        world.call(pick(models))
        for (const { since } of world.wants.values()) longest = Math.max(longest, world.now - since)
        const [asked] = world.in('asked').filter((model) => world.state.places.get(model)?.needs === null)
        const [loading] = world.in('loading')
        const [leaving] = world.in('leaving')
        world.now += 1 + integer(20)
        if (asked) world.estimated(asked)
        if (loading) world.loaded(loading)
        if (leaving) world.left(leaving)
        // Calls take up to five steps.
        for (const { model, users } of world.stays.values()) if (users > 0 && integer(5) === 0) world.release(model)
        world.tick()
      }
      // Two others go first, each with its load, its turn or the time of collating, and its last calls.
      const bound = 3 * (300 + 500 + 40 * 20)
      assert.ok(longest <= bound, `a call waited ${longest} ms`)
    })
  })
})

describe('modes', () => {
  it('swap leaves a warm process, which leaves only when its own memory is needed', () => {
    const world = new ResidencyWorld({ a: { memory: 5 }, b: { memory: 8 } }, { memory: 8 })
    world.set('a', { mode: 'swap', seconds: 1 })
    warm(world, 'a')
    world.tickWhenDue()
    world.left('a')
    assert.deepEqual(world.takeLog(), ['park a idle'])
    world.call('a')
    assert.deepEqual(world.takeLog(), ['load a warm'])
    world.loaded('a')
    world.release('a')
    world.tickWhenDue()
    world.left('a')
    world.takeLog()
    world.call('b')
    world.estimated('b')
    assert.deepEqual(world.takeLog(), ['estimate b', 'unload a room b'])
  })

  it('persistent comes in without a call, comes back, and takes no room from those who are called', () => {
    const world = new ResidencyWorld({ a: { memory: 5 }, b: { memory: 5 } }, { memory: 8 })
    world.set('a', { mode: 'persistent' })
    world.estimated('a')
    world.loaded('a')
    assert.deepEqual(world.takeLog(), ['estimate a', 'load a', 'ready a'])
    world.crash('a')
    world.loaded('a')
    assert.deepEqual(world.takeLog(), ['load a', 'ready a'])
    world.now += 1000
    world.call('b')
    world.estimated('b')
    world.left('a')
    world.loaded('b')
    assert.deepEqual(world.takeLog(), ['estimate b', 'unload a room b', 'load b', 'ready b'])
    world.release('b')
    world.now += 20_000
    world.tick()
    world.left('b')
    assert.deepEqual(world.takeLog(), ['unload b idle', 'load a'])
  })

  it('adaptive comes in when it is expected, once, and leaves if nobody comes', () => {
    const world = new ResidencyWorld({ a: { memory: 5 } }, { memory: 8 })
    world.set('a', { mode: 'adaptive' })
    world.post({ type: 'plan', model: 'a', plan: { keepMs: 700, expectAt: 5000 } })
    world.tickWhenDue()
    assert.equal(world.now, 5000)
    world.estimated('a')
    world.loaded('a')
    world.tickWhenDue()
    assert.equal(world.now, 5700)
    world.left('a')
    world.tick()
    assert.deepEqual(world.takeLog(), ['estimate a', 'load a', 'ready a', 'unload a idle'])
  })

  it('hold only for idle models while a program of the foreground runs', () => {
    const world = new ResidencyWorld({ a: { memory: 2 }, b: { memory: 2 }, c: { memory: 2 } }, { memory: 8 })
    world.set('a', { mode: 'persistent' })
    world.estimated('a')
    world.loaded('a')
    warm(world, 'c')
    world.call('b')
    world.estimated('b')
    world.loaded('b')
    world.takeLog()
    world.post({ type: 'foreground', isOn: true })
    assert.deepEqual(world.takeLog(), ['unload a foreground', 'unload c foreground'])
    world.left('a')
    world.release('b')
    world.now += world.limits.heldIdleMs
    world.tick()
    assert.deepEqual(world.takeLog(), ['unload b idle'])
    world.post({ type: 'foreground', isOn: false })
    assert.deepEqual(world.takeLog(), ['load a'])
  })
})
