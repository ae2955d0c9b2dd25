import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Accelerator } from '@soma/spec'
import { createResidencyHandlers } from './residency-handlers.ts'
import { World, type WorldOptions, callContext, never, scriptEngine } from './test-world.ts'

const GIBIBYTE = 2 ** 30
const card = (id: string): Accelerator => ({
  id,
  kind: 'gpu',
  vendor: 'x',
  name: 'RTX',
  apis: ['cuda'],
  driver: null,
  numaNode: null,
  unified: false,
  memoryBytes: 8 * GIBIBYTE,
  memoryFreeBytes: 8 * GIBIBYTE,
})

/** Says where it was told to load; its process goes with one accelerator only, as those of many libraries do. */
function gpuEngine(devices: readonly string[], needs: Readonly<Record<string, number>> = {}) {
  const script = `
    const needs = ${JSON.stringify(needs)}
    let bound
    const bind = (device = 'none') => {
      if (device.includes(':') && device !== (bound ??= device)) throw new Error('bound to ' + bound)
      return device
    }
    await serve({
      probe: () => ({ supported: true, reason: '', devices: ${JSON.stringify(devices)} }),
      estimate: (_pkg, { device }) => ({ residentBytes: 1, deviceBytes: { [bind(device)]: needs[device] ?? 1 } }),
      load: async (_pkg, { device }) => {
        bind(device)
        return { signature: { inputs: [], outputs: [] }, device: device ?? 'none', usage: () => ({ residentBytes: 1 }), async [Symbol.asyncDispose]() {} }
      },
    })`
  return scriptEngine('gpu', script, { apis: ['cuda'] })
}

async function loadedOn(options: WorldOptions, sizeBytes = GIBIBYTE): Promise<{ loads: string; explained: string | undefined }> {
  await using world = await World.create({ a: { engine: 'gpu', sizeBytes } }, { warmSpares: 1, ...options })
  const answer = await createResidencyHandlers(world.runtime)['model.explain']({ model: 'a' }, callContext())
  await world.runtime.load('a', never)
  return {
    loads: world.runtime.host.residency.find('a')?.device ?? 'none',
    explained: answer.candidates.find(({ chosen }) => chosen)?.device,
  }
}

describe('the device of a model for which the user named none', () => {
  it('is what explain calls chosen, also when the best one turns out to be too small', async () => {
    const engines = [gpuEngine(['cuda:0', 'cuda:1', 'cpu'])]
    const accelerators = [card('cuda:0'), card('cuda:1')]
    assert.deepEqual(await loadedOn({ engines, accelerators }), { loads: 'cuda:0', explained: 'cuda:0' })
    const greedy = [gpuEngine(['cuda:0', 'cuda:1', 'cpu'], { 'cuda:0': 9 * GIBIBYTE })]
    assert.deepEqual(await loadedOn({ engines: greedy, accelerators }), { loads: 'cuda:1', explained: 'cuda:1' })
  })

  it('is the CPU for a small model', async () => {
    const engines = [gpuEngine(['cuda:0', 'cpu'])]
    assert.deepEqual(await loadedOn({ engines, accelerators: [card('cuda:0')] }, 1000), { loads: 'cpu', explained: 'cpu' })
  })

  it('is left to the engine where it uses no accelerator, and where the machine has none', async () => {
    assert.deepEqual(await loadedOn({ engines: [gpuEngine(['cpu'])], accelerators: [card('cuda:0')] }), { loads: 'none', explained: 'cpu' })
    assert.equal((await loadedOn({ engines: [gpuEngine(['cpu'])] })).loads, 'none')
  })
})
