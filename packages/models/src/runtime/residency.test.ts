import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { World, behave, float32, isAlive, never, refused } from './test-world.ts'

const MEBIBYTE = 2 ** 20
/** For two of these there is room. */
const half = { residentBytes: 512 * MEBIBYTE }
const room = { memoryBytesMax: 1024 * MEBIBYTE }
const loadedNames = (world: World): Array<string | null> =>
  world.runtime
    .processes()
    .flatMap(({ model }) => model ?? [])
    .sort()

describe('models in memory', () => {
  it('make room for others: the least recently used leaves, and one in use never does', async () => {
    await using world = await World.create({ a: half, b: half, c: half }, room)
    await world.runtime.load('a', never)
    await world.runtime.load('b', never)
    const call = world.runtime.infer('a', { inputs: [behave({ delayMs: 300 }), float32(1)] }, never)
    await world.runtime.load('c', never)
    assert.deepEqual(loadedNames(world), ['a', 'c'])
    assert.deepEqual((await call).outputs, [float32(1)])
    assert.deepEqual(world.events, ['model.loaded model/a', 'model.loaded model/b', 'model.unloaded model/b', 'model.loaded model/c'])
    assert.equal(world.openPackages, 2)
  })

  it('are unloaded when nobody has used them for long, and their process ends', async () => {
    await using world = await World.create({ a: {} }, { residency: 'timeout=1' })
    await world.runtime.load('a', never)
    const pid = world.pid('a') ?? 0
    await world.until(() => world.runtime.processes().length === 0, 'the model is unloaded')
    assert.ok(!isAlive(pid))
    assert.deepEqual(
      world.records.filter(({ message }) => message === 'model.unloaded').map(({ fields }) => fields['reason']),
      ['idle'],
    )
    assert.equal(world.runtime.isLoaded('a'), false)
  })

  it('stay until their call is done when an unload is asked for; who waits loads them anew', async () => {
    await using world = await World.create({ a: {} })
    await world.runtime.load('a', never)
    const pid = world.pid('a')
    const running = world.runtime.infer('a', { inputs: [behave({ delayMs: 200 }), float32(1)] }, never)
    const queued = world.runtime.infer('a', { inputs: [float32(2)] }, never)
    const unloaded = world.runtime.unload('a')
    assert.ok(world.runtime.isLoaded('a') && world.runtime.isBusy('a'))
    assert.deepEqual((await running).outputs, [float32(1)])
    assert.equal(await unloaded, true)
    assert.deepEqual((await queued).outputs, [float32(2)])
    assert.notEqual(world.pid('a'), pid)
    assert.equal(world.runtime.isBusy('a'), false)
    assert.equal(await world.runtime.unload('a'), true)
    assert.equal(await world.runtime.unload('a'), false)
    await refused(world.runtime.unload('none'), 'model/not-found')
  })

  it('tell what they take even while they compute', async () => {
    await using world = await World.create({ a: {} }, { times: { stopGraceMs: 10 } })
    await world.runtime.load('a', never)
    const running = refused(world.runtime.infer('a', { inputs: [behave({ blockMs: 60_000 })] }, never), 'daemon/stopping')
    await world.until(() => world.runtime.processes()[0]?.state === 'busy', 'the call runs')
    assert.equal((await world.runtime.load('a', never)).loadMs, 0)
    assert.equal(world.runtime.processes()[0]?.state, 'busy')
    await world.runtime.stop()
    await running
  })

  it('that were replaced serve running calls with the old package, and later ones with the new', async () => {
    await using world = await World.create({ a: {} })
    await world.runtime.load('a', never)
    const running = world.runtime.infer('a', { inputs: [behave({ delayMs: 100 }), float32(1)] }, never)
    world.replace('a', { infer: { outcome: 'throw' } })
    await refused(world.runtime.infer('a', { inputs: [float32(1)] }, never), 'engine/failed')
    assert.deepEqual((await running).outputs, [float32(1)])
  })

  it('are refused, with the numbers, when they cannot fit', async () => {
    await using world = await World.create({ huge: { residentBytes: 3000 * MEBIBYTE } }, { memoryAvailableBytes: 2048 * MEBIBYTE })
    const { message, details, retryable } = await refused(world.runtime.infer('huge', { inputs: [] }, never), 'resource/exhausted')
    assert.match(message, /3000 MiB of memory.*1920 MiB/)
    const numbers = { neededBytes: 3000 * MEBIBYTE, budgetBytes: 1920 * MEBIBYTE }
    assert.deepEqual(details, { model: 'huge', device: 'memory', ...numbers, smaller: [], resource: 'memory', retryAfterMs: 15_000 })
    assert.ok(retryable)
    assert.equal(world.openPackages, 0)
  })

  it('that are idle leave when another would not fit beside them', async () => {
    await using world = await World.create({ small: {}, large: { residentBytes: 1023.5 * MEBIBYTE } }, room)
    await world.runtime.load('small', never)
    await world.runtime.load('large', never)
    assert.deepEqual(loadedNames(world), ['large'])
  })
})

describe('spare processes', () => {
  it('save the next load the start of a program, and leave when their engine is not used', async () => {
    await using world = await World.create({ a: {}, b: {} }, { warmSpares: 1, spareLingerMs: 50 })
    const spare = (): number | undefined => world.runtime.processes().find(({ state }) => state === 'spare')?.pid
    await world.runtime.load('a', never)
    await world.until(() => spare() !== undefined, 'a spare is ready')
    const first = spare()
    await world.runtime.load('b', never)
    assert.equal(world.pid('b'), first)
    await world.until(() => spare() !== undefined, 'the spare is replaced')
    process.kill(spare() ?? 0, 'SIGKILL')
    await world.until(() => spare() === undefined, 'a dead spare is forgotten')
    await world.runtime.unload('a')
    await world.runtime.load('a', never)
    await world.until(() => spare() !== undefined, 'it is replaced at the next load')
    await world.runtime.unload('a')
    await world.runtime.unload('b')
    await world.until(() => world.runtime.processes().length === 0, 'the spare leaves')
  })

  it('take probes and refused loads without being used up', async () => {
    await using world = await World.create({ huge: { residentBytes: 2 ** 40 } }, { warmSpares: 1 })
    const { support, engine } = await world.runtime.engine('echo', never)
    assert.deepEqual(support, { supported: true, reason: '', devices: ['cpu'] })
    assert.equal(engine.processes, 1)
    const [before] = world.runtime.processes()
    assert.equal(before?.state, 'spare')
    await refused(world.runtime.load('huge', never), 'resource/exhausted')
    assert.deepEqual(
      world.runtime.processes().map(({ pid }) => pid),
      [before?.pid],
    )
  })

  it('that still start are waited for only as long as the caller does', async () => {
    await using world = await World.create({ a: {}, b: {} }, { warmSpares: 1 })
    await world.runtime.load('a', never)
    assert.ok(
      world.runtime.processes().every(({ state }) => state !== 'spare'),
      'it has just begun to start',
    )
    const cancel = new AbortController()
    const load = world.runtime.load('b', cancel)
    cancel.abort()
    await refused(load, 'call/cancelled')
    await world.runtime.load('b', never)
  })
})

describe('stopping', () => {
  it('leaves no process, and fails what waits and what comes', async () => {
    await using world = await World.create({ a: half, b: half, c: half }, { ...room, warmSpares: 1, times: { stopGraceMs: 100 } })
    await world.runtime.load('a', never)
    await world.runtime.load('b', never)
    const pids = world.runtime.processes().map(({ pid }) => pid)
    const running = world.runtime.infer('a', { inputs: [behave({ outcome: 'hang' })] }, never)
    const stuck = world.runtime.infer('b', { inputs: [behave({ blockMs: 60_000 })] }, never)
    const queued = world.runtime.infer('a', { inputs: [] }, never)
    const placeless = world.runtime.infer('c', { inputs: [] }, never)
    await world.until(() => world.runtime.processes().filter(({ state }) => state === 'busy').length === 2, 'calls run')
    const ends = Promise.all([running, stuck, queued, placeless].map((call) => refused(call, 'daemon/stopping')))
    await world.runtime.stop()
    await ends
    assert.deepEqual(
      pids.filter((pid) => isAlive(pid)),
      [],
    )
    assert.equal(world.runtime.processes().length, 0)
    await refused(world.runtime.infer('a', { inputs: [] }, never), 'daemon/stopping')
    await refused(world.runtime.load('a', never), 'daemon/stopping')
    assert.equal(world.openPackages, 0)
  })

  it('ends what is still starting or loading', async () => {
    await using world = await World.create({ slow: { load: { blockMs: 60_000 } }, a: {} }, { warmSpares: 1 })
    const loading = world.runtime.load('slow', never)
    await world.until(() => world.runtime.processes()[0]?.state === 'loading', 'the load began')
    const starting = world.runtime.load('a', never)
    await world.until(() => world.runtime.processes().length === 2, 'the start began')
    const pids = world.runtime.processes().map(({ pid }) => pid)
    const ends = Promise.all([refused(loading, 'daemon/stopping'), refused(starting, 'daemon/stopping')])
    await world.runtime.stop()
    await ends
    assert.deepEqual(
      pids.filter((pid) => isAlive(pid)),
      [],
    )
  })
})
