import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PrincipalId } from '@soma/core'
import { type Priority, callTable } from '@soma/spec'
import { createRuntimeHandlers } from './handlers.ts'
import { World, behave, callContext, float32 } from './test-world.ts'

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

  it('keep the sessions of callers apart', async () => {
    await using world = await World.create({ a: {} })
    const seen: Array<string | undefined> = []
    const generate = world.runtime.generate.bind(world.runtime)
    world.runtime.generate = (name, request, options) => {
      seen.push(request.session)
      return generate(name, request, options)
    }
    const handlers = createRuntimeHandlers(world.runtime)
    const ask = async (principal: PrincipalId, session?: string): Promise<void> => {
      const input = { model: 'a', prompt: 'x', ...(session !== undefined && { session }) }
      await Array.fromAsync(handlers['model.generate'](input, { ...callContext(), caller: { principal, face: 'internal' } }))
    }
    const [owner, other] = ['owner', 'token:tok_0000000000000000'] as const satisfies readonly string[]
    for (const principal of [owner, owner, other]) await ask(principal as PrincipalId, 'chat')
    await ask(owner as PrincipalId)
    assert.equal(seen[0], seen[1])
    assert.notEqual(seen[0], seen[2])
    assert.equal(seen[3], undefined)
    assert.match(seen[0] ?? '', /^[0-9a-f]{64}$/)
  })

  it('run at what the caller’s capability allows, and say so where it asked for more', async () => {
    await using world = await World.create({ a: {} })
    const handlers = createRuntimeHandlers(world.runtime)
    const priorityOf = async (priority: Priority | undefined, priorityMax: Priority | undefined): Promise<string> => {
      const input = { model: 'a', inputs: [float32(1)], ...(priority && { priority }) }
      const { timings } = callTable['model.infer'].output.parse(await handlers['model.infer'](input, { ...callContext(), priorityMax }))
      return timings.priority ?? 'as asked'
    }
    assert.equal(await priorityOf('interactive', undefined), 'as asked')
    assert.equal(await priorityOf('interactive', 'batch'), 'batch')
    assert.equal(await priorityOf(undefined, 'idle'), 'idle')
    assert.equal(await priorityOf(undefined, 'interactive'), 'as asked')
    assert.equal(await priorityOf('idle', 'batch'), 'as asked')
  })

  it('wait for their turn with the others of that priority', async () => {
    await using world = await World.create({ a: {} })
    const handlers = createRuntimeHandlers(world.runtime)
    const done: string[] = []
    const ask = async (label: string, priorityMax?: Priority): Promise<void> => {
      await handlers['model.infer']({ model: 'a', inputs: [float32(1)], priority: 'interactive' }, { ...callContext(), priorityMax })
      done.push(label)
    }
    await handlers['model.load']({ model: 'a' }, callContext())
    const first = handlers['model.infer']({ model: 'a', inputs: [behave({ delayMs: 50 })] }, callContext())
    await Promise.all([first, ask('greedy', 'batch'), ask('honest')])
    assert.deepEqual(done, ['honest', 'greedy'])
  })
})
