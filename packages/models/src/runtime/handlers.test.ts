import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { callTable } from '@soma/spec'
import { createRuntimeHandlers } from './handlers.ts'
import { World, callContext, float32 } from './test-world.ts'

describe('the runtime’s calls', () => {
  it('answer what the table promises', async () => {
    await using world = await World.create({ a: {} })
    const handlers = createRuntimeHandlers(world.runtime)
    const ctx = callContext()

    const loaded = await handlers['model.load']({ model: 'a' }, ctx)
    assert.ok(callTable['model.load'].output.parse(loaded).loadMs > 0)
    assert.equal(loaded.residentBytes, 1024 * 1024)

    const inferred = await handlers['model.infer']({ model: 'a', inputs: [float32(1, 2)] }, ctx)
    assert.deepEqual(callTable['model.infer'].output.parse(inferred).outputs, [float32(1, 2)])

    const stream = handlers['model.generate']({ model: 'a', prompt: 'one two', maxTokens: 10 }, ctx)
    const pieces: string[] = []
    let step = await stream.next()
    for (; !step.done; step = await stream.next()) pieces.push(step.value.text)
    assert.deepEqual(pieces, ['one', ' two'])
    assert.equal(callTable['model.generate'].output.parse(step.value).text, 'one two')

    const engines = await handlers['engine.list']({}, ctx)
    assert.deepEqual(
      callTable['engine.list'].output.parse(engines).engines.map(({ id, processes }) => [id, processes]),
      [['echo', 1]],
    )
    assert.deepEqual(await handlers['engine.list']({}, { ...ctx, allows: () => false }), { engines: [] })
    assert.equal(callTable['engine.show'].output.parse(await handlers['engine.show']({ engine: 'echo' }, ctx)).support.supported, true)

    const statuses = callTable['system.status'].output.shape.processes.parse(world.runtime.processes())
    assert.deepEqual(statuses.map(({ engine, model }) => [engine, model])[0], ['echo', 'a'])
    assert.deepEqual(
      world.runtime
        .metrics()
        .filter(({ name }) => name !== 'soma_model_memory_bytes')
        .map(({ name, samples }) => [name, samples.map(({ value }) => value)]),
      [
        ['soma_model_calls', [0, 0]],
        ['soma_engine_failures_total', [0]],
      ],
    )

    assert.deepEqual(await handlers['model.unload']({ model: 'a' }, ctx), { name: 'a', wasLoaded: true })
    assert.deepEqual(await handlers['model.unload']({ model: 'a' }, ctx), { name: 'a', wasLoaded: false })
  })
})
