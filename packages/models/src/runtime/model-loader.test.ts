import assert from 'node:assert/strict'
import { test } from 'node:test'
import { World, never, scriptEngine } from './test-world.ts'

test('a process that loaded its model and then cannot say what it takes does not stay', async () => {
  const engine = scriptEngine(
    'echo',
    `await serve({ load: async () => ({
      signature: { inputs: [], outputs: [] },
      usage() { throw new Error('unknown') },
      infer: async () => ({ outputs: [] }),
      async [Symbol.asyncDispose]() {},
    }) })`,
  )
  await using world = await World.create({ a: {} }, { engines: [engine] })
  await assert.rejects(world.runtime.load('a', never), { code: 'engine/failed' })
  assert.deepEqual(world.runtime.processes(), [])
})
