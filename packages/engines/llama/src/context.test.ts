import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LlamaContextSequence } from 'node-llama-cpp'
import { Contexts, type OpenContext } from './context.ts'
import { Slots } from './slots.ts'

const { signal } = new AbortController()

/** Contexts of one sequence; making the next one fails as often as wanted. */
function contexts() {
  let failures = 0
  let made = 0
  const disposed = new Set<number>()
  const make = (): OpenContext => {
    const id = made++
    const sequence = { id, clearHistory: () => Promise.resolve() } as unknown as LlamaContextSequence
    return {
      slots: new Slots([sequence]),
      contextLength: 64,
      deviceBytes: 1,
      [Symbol.asyncDispose]: async () => {
        assert.ok(!disposed.has(id), 'disposed twice')
        disposed.add(id)
      },
    }
  }
  const again = async (): Promise<OpenContext> => {
    if (failures-- > 0) throw new Error('out of memory')
    return make()
  }
  const all = new Contexts(again, make())
  return {
    all,
    disposed,
    fail: (times: number) => (failures = times),
    take: async () => (await all.take(undefined, signal)).sequence as unknown as { id: number },
  }
}

test('a context that could not be made anew is tried again by the next call, and the disposed one never used', async () => {
  const { all, disposed, fail, take } = contexts()
  fail(2)
  await assert.rejects(all.renew(), { code: 'resource/exhausted', message: /out of memory/ })
  assert.deepEqual([[...disposed], all.slots, all.deviceBytes, all.contextLength], [[0], undefined, 0, 64])
  await assert.rejects(take(), { code: 'resource/exhausted' })
  assert.equal((await take()).id, 1)
  await all[Symbol.asyncDispose]()
  assert.deepEqual([...disposed], [0, 1])
})

test('calls that come while it is made anew wait for it, and all of them hear when it fails', async () => {
  const { all, fail, take } = contexts()
  fail(1)
  const renewal = all.renew()
  const early = [take(), take()]
  for (const call of [renewal, ...early]) await assert.rejects(call, { code: 'resource/exhausted' })
  assert.equal((await take()).id, 1)
  await all[Symbol.asyncDispose]()
})
