import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { loadMsMax } from './load-time.ts'
import { World, isAlive, never, refused } from './test-world.ts'

describe('the time that a load may take', () => {
  const files = (...sizes: number[]) => ({ files: sizes.map((sizeBytes) => ({ path: '', localPath: '', role: null, sizeBytes })) })
  const bySize = { loadSecondsMax: 0 }

  it('grows with the model’s bytes, and is what the user says where he does', () => {
    const engine = { id: 'echo' }
    assert.equal(loadMsMax(engine, files(), bySize), 120_000)
    assert.equal(loadMsMax(engine, files(40_000_000, 20_000_000), bySize), 123_000)
    assert.equal(loadMsMax(engine, files(20e9), bySize), 1_120_000)
    assert.equal(loadMsMax(engine, files(20e9), { loadSecondsMax: 7 }), 7000)
  })

  it('leaves servers that an engine starts the time that they were given', () => {
    assert.ok(loadMsMax({ id: 'remote', remote: true }, files(), bySize) > 3_600_000)
  })

  for (const [how, load] of [
    ['answers nothing', { outcome: 'hang' }],
    ['blocks its process', { blockMs: 600_000 }],
  ] as const)
    it(`ends an engine that ${how}, and says how to give it more`, async () => {
      await using world = await World.create({ slow: { load } }, { loadSecondsMax: 1, warmSpares: 1 })
      const loading = refused(world.runtime.load('slow', never), 'engine/not-ready')
      const calling = refused(world.runtime.infer('slow', { inputs: [] }, never), 'engine/not-ready')
      await world.until(() => world.runtime.processes().length > 0, 'the engine starts')
      const pids = world.runtime.processes().map(({ pid }) => pid)
      for (const error of await Promise.all([loading, calling])) {
        assert.match(error.message, /model slow after 1 s .* soma config set models\.loadSecondsMax 2/)
        assert.equal(error.details['loadMsMax'], 1000)
        assert.ok(error.retryable)
      }
      await world.until(() => pids.every((pid) => !isAlive(pid)), 'the process is gone')
      assert.equal(world.openPackages, 0)
      assert.deepEqual([...world.runtime.host.residency.state.places.keys()], [])
    })
})
