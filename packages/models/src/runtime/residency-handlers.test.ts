import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CallContext, callTable } from '@soma/spec'
import type { InstalledModel } from '../ports.ts'
import { checkOwnFiles } from './model-settings.ts'
import { createResidencyHandlers } from './residency-handlers.ts'
import type { Runtime } from './runtime.ts'
import { World, callContext, echoEngine, float32, never, refused } from './test-world.ts'

/** A context whose effects are committed at once, and written down. */
function committing(log: string[] = []): CallContext {
  const effects: CallContext['effects'] = {
    put: (kind, key, value) => void log.push(`${kind} ${key} ${JSON.stringify(value)}`),
    delete() {},
    emit() {},
    require: (check) => check(),
    committed: (action) => action(),
    settled() {},
  }
  return { ...callContext(), effects }
}

describe('model.residency', () => {
  it('holds from now on: pinned, and idle time by mode', async () => {
    await using world = await World.create({ a: {} })
    const handlers = createResidencyHandlers(world.runtime)
    const log: string[] = []
    const set = await handlers['model.residency']({ model: 'a', mode: 'timeout', seconds: 2 }, committing(log))
    assert.deepEqual(callTable['model.residency'].output.parse(set).residency, { mode: 'timeout', seconds: 2, pinned: false })
    const pinned = await handlers['model.residency']({ model: 'a', pinned: true }, committing(log))
    assert.deepEqual(pinned.residency, { mode: 'timeout', seconds: 2, pinned: true })
    assert.deepEqual(log, [
      'model-residency a {"mode":"timeout","pinned":false,"seconds":2}',
      'model-residency a {"mode":"timeout","pinned":true,"seconds":2}',
    ])
    assert.deepEqual((await handlers['model.residency']({ model: 'a', mode: 'adaptive' }, committing())).residency, {
      mode: 'adaptive',
      pinned: true,
    })
    assert.throws(() => handlers['model.residency']({ model: 'a', mode: 'dynamic', seconds: 3 }, committing()), {
      code: 'call/invalid-input',
    })
    assert.throws(() => handlers['model.residency']({ model: 'none', mode: 'dynamic' }, committing()), { code: 'model/not-found' })
  })

  it('persistent brings a model in, and brings it back when its process dies', async () => {
    await using world = await World.create({ a: {} })
    const handlers = createResidencyHandlers(world.runtime)
    await handlers['model.residency']({ model: 'a', mode: 'persistent' }, committing())
    await world.until(() => world.runtime.isLoaded('a'), 'it is loaded')
    const pid = world.pid('a') ?? 0
    process.kill(pid, 'SIGKILL')
    await world.until(() => (world.pid('a') ?? pid) !== pid && world.runtime.isLoaded('a'), 'it is back')
  })

  it('dynamic unloads a model after its call; swap keeps its process and loads it into that again', async () => {
    await using world = await World.create({ a: {}, b: {} })
    const handlers = createResidencyHandlers(world.runtime)
    await handlers['model.residency']({ model: 'a', mode: 'dynamic' }, committing())
    await world.runtime.infer('a', { inputs: [float32(1)] }, never)
    await world.until(() => world.runtime.processes().length === 0, 'its process is gone')
    await handlers['model.residency']({ model: 'b', mode: 'swap', seconds: 1 }, committing())
    await world.runtime.infer('b', { inputs: [float32(1)] }, never)
    const pid = world.pid('b')
    await world.until(() => world.runtime.processes()[0]?.state === 'parked', 'it is parked')
    const [parked] = (await handlers['model.resident']({}, callContext())).models
    assert.partialDeepStrictEqual(parked, { model: 'b', state: 'parked', pid, running: 0 })
    assert.deepEqual((await world.runtime.infer('b', { inputs: [float32(2)] }, never)).outputs, [float32(2)])
    assert.equal(world.pid('b'), pid)
    process.kill(pid ?? 0, 'SIGKILL')
    await world.until(() => world.runtime.processes().length === 0, 'it is gone')
    assert.equal(world.runtime.host.history.last('b')?.what, 'ended')
  })
})

describe('model.resident', () => {
  it('says what is in memory, of how much, and why; only what the caller may see', async () => {
    await using world = await World.create({ a: {}, b: {} })
    const handlers = createResidencyHandlers(world.runtime)
    await world.runtime.infer('a', { inputs: [float32(1)] }, never)
    const answer = callTable['model.resident'].output.parse(await handlers['model.resident']({}, callContext()))
    assert.partialDeepStrictEqual(answer.models, [
      { model: 'a', engine: 'echo', device: 'cpu', state: 'ready', memoryBytes: 2 ** 20, running: 0 },
    ])
    const [a] = answer.models
    assert.match(a?.why ?? '', /called before \(timeout=3600\)/)
    assert.ok(a && a.leavesAt !== null && a.loadedAt !== null && a.leavesAt - a.loadedAt > 3_500_000)
    assert.equal(answer.budgets[0]?.usedBytes, 2 ** 20)
    assert.deepEqual((await handlers['model.resident']({}, { ...callContext(), allows: () => false })).models, [])
  })
})

describe('model.configure', () => {
  it('lays settings over the package’s, and loads the model anew; null goes back', async () => {
    await using world = await World.create({ a: {} })
    const handlers = createResidencyHandlers(world.runtime)
    await world.runtime.load('a', never)
    const pid = world.pid('a')
    const log: string[] = []
    await handlers['model.configure']({ model: 'a', settings: { residentBytes: 7_000_000 } }, committing(log))
    assert.deepEqual(log, ['model-settings a {"engine":null,"device":null,"settings":{"residentBytes":7000000}}'])
    assert.equal((await world.runtime.load('a', never)).residentBytes, 7_000_000)
    assert.notEqual(world.pid('a'), pid)
    const back = await handlers['model.configure']({ model: 'a', settings: { residentBytes: null } }, committing())
    assert.deepEqual(back.settings, {})
  })

  it('refuses an engine that does not run the format, and a setting that the engine does not have, by name', async () => {
    const options = [
      { name: 'residentBytes', type: 'integer' as const, description: '' },
      { name: 'dimensions', type: 'numbers-by-name' as const, description: '' },
    ]
    const descriptor = { ...echoEngine.descriptor, options }
    const other = { ...echoEngine, descriptor: { ...echoEngine.descriptor, id: 'other', formats: ['gguf'] } }
    await using world = await World.create({ a: {} }, { engines: [{ ...echoEngine, descriptor }, other] })
    const { 'model.configure': configure } = createResidencyHandlers(world.runtime)
    assert.throws(() => configure({ model: 'a', engine: 'other' }, committing()), { code: 'model/unsupported', message: /runs gguf/ })
    assert.throws(() => configure({ model: 'a', engine: 'none' }, committing()), { code: 'engine/not-found' })
    assert.throws(() => configure({ model: 'a', settings: { size: 3 } }, committing()), {
      code: 'config/invalid',
      message: 'engine echo has no setting "size"; it has residentBytes, dimensions',
    })
    for (const dimensions of [3, [3], { batch: 'one' }])
      assert.throws(() => configure({ model: 'a', settings: { dimensions } }, committing()), {
        code: 'config/invalid',
        message: /takes numbers by name/,
      })
    assert.deepEqual((await configure({ model: 'a', settings: { dimensions: { batch: 1 } } }, committing())).settings, {
      dimensions: { batch: 1 },
    })
    assert.throws(() => configure({ model: 'a', settings: { residentBytes: 'much' } }, committing()), { code: 'config/invalid' })
  })

  it('checks settings against the engine that would run the model, and refuses them where none would', async () => {
    const options = [{ name: 'residentBytes', type: 'integer' as const, description: '' }]
    const known = { ...echoEngine, descriptor: { ...echoEngine.descriptor, options } }
    await using world = await World.create({ a: { engine: null } }, { engines: [known] })
    const { 'model.configure': configure } = createResidencyHandlers(world.runtime)
    assert.throws(() => configure({ model: 'a', settings: { size: 3 } }, committing()), { code: 'config/invalid', message: /"size"/ })
    assert.deepEqual((await configure({ model: 'a', settings: { residentBytes: 9 } }, committing())).settings, { residentBytes: 9 })
    const elsewhere = { ...echoEngine, descriptor: { ...echoEngine.descriptor, formats: ['gguf'] } }
    await using orphan = await World.create({ a: { engine: null } }, { engines: [elsewhere] })
    const { 'model.configure': store } = createResidencyHandlers(orphan.runtime)
    assert.throws(() => store({ model: 'a', settings: { lora: '/etc/passwd' } }, committing()), {
      code: 'model/unsupported',
      message: /nobody knows its setting "lora"/,
    })
    assert.deepEqual((await store({ model: 'a', settings: { lora: null } }, committing())).settings, {})
  })

  it('lets files of this machine be named by those alone who may read files', async () => {
    const options = [
      { name: 'lora', type: 'strings' as const, files: true, description: '' },
      { name: 'readPaths', type: 'boolean' as const, files: true, description: '' },
    ]
    await using world = await World.create({ a: {} }, { engines: [{ ...echoEngine, descriptor: { ...echoEngine.descriptor, options } }] })
    const { 'model.configure': configure } = createResidencyHandlers(world.runtime)
    const ctx = { ...committing(), allows: (resource: string) => resource !== 'host/files' }
    assert.throws(() => configure({ model: 'a', settings: { lora: ['mine.gguf', '/etc/passwd'] } }, ctx), {
      code: 'capability/denied',
      message: /may not read host\/files.*setting lora/,
    })
    assert.throws(() => configure({ model: 'a', settings: { readPaths: true } }, ctx), { code: 'capability/denied' })
    await configure({ model: 'a', settings: { lora: ['mine.gguf'], readPaths: false } }, ctx)
    await configure({ model: 'a', settings: { lora: ['/opt/style.gguf=0.5'] } }, committing())
  })

  it('takes the right to what an alias stands for, and so does model.residency', async () => {
    await using world = await World.create({ a: {} })
    const handlers = createResidencyHandlers({ modelOf: () => world.model('a') } as unknown as Runtime)
    const ctx = { ...committing(), allows: (resource: string) => resource !== 'model/a' }
    const denied = { code: 'capability/denied', message: /may not manage model\/a/ }
    assert.throws(() => handlers['model.configure']({ model: 'alias', device: 'cpu' }, ctx), denied)
    assert.throws(() => handlers['model.residency']({ model: 'alias', pinned: true }, ctx), denied)
  })

  it('never loads a package that itself names a file of this machine', () => {
    const option = { name: 'draftModel', type: 'string' as const, files: true, description: '' }
    const descriptor = { ...echoEngine.descriptor, options: [option] }
    const model = (draftModel: string) => ({ name: 'a', engine: 'echo', settings: { draftModel } }) as unknown as InstalledModel
    checkOwnFiles(descriptor, model('small.gguf'))
    assert.throws(() => checkOwnFiles(descriptor, model('/home/me/secret.gguf')), { code: 'model/load-failed', message: /draftModel/ })
  })
})

describe('model.explain', () => {
  it('ranks who could run it, with what it takes, and tells its history', async () => {
    const missing = {
      ...echoEngine,
      descriptor: { ...echoEngine.descriptor, id: 'broken' },
      command: [process.execPath, '-e', ''] as const,
    }
    await using world = await World.create({ a: { engine: null, residentBytes: 5 * 2 ** 20 } }, { engines: [echoEngine, missing] })
    const { 'model.explain': explain } = createResidencyHandlers(world.runtime)
    const before = callTable['model.explain'].output.parse(await explain({ model: 'a' }, callContext()))
    assert.deepEqual(
      before.candidates.map(({ engine, chosen, memoryBytes, problems }) => [engine, chosen, memoryBytes, problems.length]),
      [
        ['echo', true, 5 * 2 ** 20, 0],
        ['broken', false, null, 1],
      ],
    )
    assert.partialDeepStrictEqual(before.resident, {
      state: 'absent',
      engine: 'echo',
      why: 'Nobody has called it since the daemon started.',
    })
    await world.runtime.infer('a', { inputs: [float32(1)] }, never)
    await world.runtime.unload('a')
    const after = await explain({ model: 'a' }, callContext())
    assert.deepEqual(
      after.history.map(({ what }) => what),
      ['unloaded', 'loaded'],
    )
    assert.match(after.resident.why, /unloaded by a call/)
    await refused(
      Promise.resolve().then(() => explain({ model: 'none' }, callContext())),
      'model/not-found',
    )
  })
})
