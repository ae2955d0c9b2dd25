import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ResultCache, isDeterministicGenerate, isDeterministicInfer, requestKey } from './result-cache.ts'
import { World, float32, never } from './test-world.ts'

describe('the result cache', () => {
  it('gives the same caller the same answer without running it, and another caller nothing', async () => {
    await using world = await World.create({ a: {} }, { resultCacheBytes: 100_000 })
    const ask = async (value: number, principal: string): Promise<boolean> => {
      const { outputs, timings } = await world.runtime.infer('a', { inputs: [float32(value)] }, { ...never, principal })
      assert.deepEqual(outputs, [float32(value)])
      return timings.cached === true
    }
    assert.deepEqual(
      [await ask(1, 'x'), await ask(1, 'x'), await ask(2, 'x'), await ask(1, 'y'), await ask(1, 'x')],
      [false, true, false, false, true],
    )
    world.replace('a', { residentBytes: 5 })
    assert.equal(await ask(1, 'x'), false, 'another package')
  })

  it('is off unless it was given room', async () => {
    await using world = await World.create({ a: {} })
    for (let time = 0; time < 2; time++)
      assert.equal((await world.runtime.infer('a', { inputs: [float32(1)] }, never)).timings.cached, undefined)
  })

  it('keeps text only where chance has no part in it', async () => {
    await using world = await World.create({ a: {} }, { resultCacheBytes: 100_000 })
    const ask = async (request: object): Promise<[string, boolean]> => {
      let text = ''
      const stream = world.runtime.generate('a', { prompt: 'one two', ...request }, never)
      for (;;) {
        const step = await stream.next()
        if (step.done) return [text, step.value.timings.cached === true]
        text += step.value.text
      }
    }
    assert.deepEqual(
      [await ask({ temperature: 0 }), await ask({ temperature: 0 })],
      [
        ['one two', false],
        ['one two', true],
      ],
    )
    assert.deepEqual(
      [await ask({ temperature: 1 }), await ask({ temperature: 1 })].map(([, cached]) => cached),
      [false, false],
    )
    assert.equal(isDeterministicGenerate({ prompt: '', seed: 1, session: 's' }), false)
    assert.equal(isDeterministicInfer({ inputs: [{ name: 'path', dtype: 'string', shape: [1], data: new Uint8Array() }] }), false)
  })

  it('holds no more bytes than it may, and forgets first what was asked for longest ago', () => {
    const cache = new ResultCache(4000)
    for (const key of ['a', 'b', 'c']) cache.put(key, { data: new Uint8Array(700) })
    assert.ok(cache.get('a'))
    cache.put('d', { data: new Uint8Array(700) })
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((key) => cache.get(key) !== undefined),
      [true, false, true, true],
    )
    cache.put('large', { data: new Uint8Array(4000) })
    assert.equal(cache.get('large'), undefined)
  })

  it('tells requests apart by every byte, whatever the order of their fields', () => {
    const identity = { principal: 'x', model: 'm', method: 'infer' }
    const key = (request: unknown): string => requestKey({ ...identity, request })
    assert.equal(key({ a: 1, b: new Uint8Array([1, 2]) }), key({ b: new Uint8Array([1, 2]), a: 1 }))
    assert.notEqual(key({ a: [new Uint8Array([1]), new Uint8Array([2])] }), key({ a: [new Uint8Array([1, 2]), new Uint8Array([])] }))
    assert.notEqual(key({ a: 'bytes 1' }), key({ a: new Uint8Array([]) }))
    assert.notEqual(requestKey({ ...identity, request: 1, principal: 'y' }), key(1))
  })
})
