import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pressure } from '@soma/host'
import { createResidencyHandlers } from './residency-handlers.ts'
import { World, behave, callContext, float32, never } from './test-world.ts'

const MEBIBYTE = 2 ** 20
const large = { residentBytes: 300 * MEBIBYTE }

function loadedNames(world: World): Array<string | null> {
  return world.runtime
    .processes()
    .flatMap(({ model }) => model ?? [])
    .sort()
}

function pressure(level: Pressure['level'], bytesToFree: number): Pressure {
  return { level, devices: [{ device: 'memory', level, totalBytes: 0, availableBytes: 0, bytesToFree, why: '' }] }
}

describe('under pressure', () => {
  it('idle models leave, as many as it takes; one in use and a pinned one stay', async () => {
    await using world = await World.create({ a: large, b: large, pinned: large, busy: large })
    const { host } = world.runtime
    for (const model of ['pinned', 'a', 'b']) await world.runtime.load(model, never)
    host.setResidency('pinned', { mode: 'timeout', pinned: true })
    await world.runtime.load('busy', never)
    const call = world.runtime.infer('busy', { inputs: [behave({ delayMs: 300 }), float32(1)] }, never)
    await world.until(() => world.runtime.isBusy('busy'), 'the call runs')
    host.pressed(pressure('some', 200 * MEBIBYTE))
    await world.until(() => loadedNames(world).length === 3, 'one leaves')
    host.pressed(pressure('critical', 5000 * MEBIBYTE))
    await world.until(() => loadedNames(world).length === 2, 'all that may leave do')
    assert.deepEqual(loadedNames(world), ['busy', 'pinned'])
    assert.deepEqual((await call).outputs, [float32(1)])
    assert.equal(host.history.of('a')[0]?.why, 'Memory was short.')
  })

  it('a model that is to stay is brought back once it is over', async () => {
    await using world = await World.create({ a: {} })
    const { host } = world.runtime
    host.setResidency('a', { mode: 'persistent', pinned: false })
    await world.until(() => world.runtime.isLoaded('a'), 'it is in memory')
    host.pressed(pressure('some', MEBIBYTE))
    await world.until(() => world.runtime.processes().length === 0, 'it left')
    host.pressed(pressure('none', 0))
    await world.until(() => world.runtime.isLoaded('a'), 'it is back')
  })
})

describe('while a program of the foreground runs', () => {
  it('what is idle has left, engines have the lowest priority, also new ones; both come back', async () => {
    const lowered = new Set<number>()
    const priorities = {
      lower: (pid: number) => Promise.resolve([lowered.add(pid) && ('nice' as const)]),
      restore: (pid: number) => Promise.resolve(void lowered.delete(pid)),
      end: () => undefined,
    }
    await using world = await World.create({ idle: {}, busy: {}, late: {} }, { priorities, warmSpares: 1 })
    const { host } = world.runtime
    host.setResidency('idle', { mode: 'persistent', pinned: false })
    await world.until(() => world.runtime.isLoaded('idle'), 'it is in memory')
    await world.runtime.load('busy', never)
    const call = world.runtime.infer('busy', { inputs: [behave({ delayMs: 500 }), float32(1)] }, never)
    await world.until(() => world.runtime.isBusy('busy'), 'the call runs')
    await host.foreground(true)
    await world.until(() => world.runtime.processes().length === 1, 'idle models and spares have left')
    assert.deepEqual([...lowered].includes(world.pid('busy') ?? 0), true)
    await world.runtime.load('late', never)
    assert.ok(lowered.has(world.pid('late') ?? 0))
    await call
    await host.foreground(false)
    assert.equal(lowered.has(world.pid('busy') ?? 0), false)
    await world.until(() => world.runtime.isLoaded('idle'), 'it is back')
  })
})

describe('a swap under load', () => {
  it('ends no call, and calls of the model in memory go first', async () => {
    await using world = await World.create(
      { a: { ...large, infer: { delayMs: 20 } }, b: large },
      { memoryBytesMax: 400 * MEBIBYTE, collateMs: 300 },
    )
    await world.runtime.load('a', never)
    const order: string[] = []
    const call = async (model: string): Promise<void> => {
      await world.runtime.infer(model, { inputs: [float32(1)] }, never)
      order.push(model)
    }
    await Promise.all([call('a'), call('a'), call('b'), call('a'), call('b'), call('a')])
    assert.deepEqual(order, ['a', 'a', 'a', 'a', 'b', 'b'])
    const { 'model.explain': explain } = createResidencyHandlers(world.runtime)
    const reasons = async (allows: (resource: string) => boolean): Promise<string[]> =>
      (await explain({ model: 'a' }, { ...callContext(), allows })).history.map(({ why }) => why)
    assert.ok((await reasons(() => true)).includes('b needed its memory.'))
    assert.ok((await reasons((resource) => resource !== 'model/b')).includes('Another model needed its memory.'))
  })

  it('happens after a while even if calls of the other model never end', async () => {
    await using world = await World.create(
      { a: { ...large, infer: { delayMs: 5 } }, b: large },
      { memoryBytesMax: 400 * MEBIBYTE, collateMs: 100 },
    )
    await world.runtime.load('a', never)
    const over = new AbortController()
    const loop = async (): Promise<void> => {
      while (!over.signal.aborted) await world.runtime.infer('a', { inputs: [float32(1)] }, never)
    }
    const loops = [loop(), loop(), loop()]
    const { timings } = await world.runtime.infer('b', { inputs: [float32(2)] }, never)
    assert.ok(timings.queueMs >= 90, `${timings.queueMs}`)
    over.abort()
    await Promise.all(loops)
  })
})

describe('a call’s urgency', () => {
  it('lets it go first, and a deadline ends it whether it waits or runs', async () => {
    await using world = await World.create({ a: { infer: { delayMs: 30 } } })
    await world.runtime.load('a', never)
    const order: string[] = []
    const call = async (name: string, options: object): Promise<void> => {
      await world.runtime.infer('a', { inputs: [float32(1)] }, { ...never, ...options })
      order.push(name)
    }
    const calls = [call('first', {}), call('batch', { priority: 'batch' }), call('normal', {}), call('realtime', { priority: 'realtime' })]
    const late = world.runtime.infer('a', { inputs: [float32(1)] }, { ...never, priority: 'idle', deadlineMs: 20 })
    await assert.rejects(late, { code: 'call/timeout' })
    await Promise.all(calls)
    assert.deepEqual(order, ['first', 'realtime', 'normal', 'batch'])
    const slow = world.runtime.infer('a', { inputs: [behave({ delayMs: 20_000 })] }, { ...never, deadlineMs: 40 })
    await assert.rejects(slow, { code: 'call/timeout' })
    await call('after', {})
  })
})
