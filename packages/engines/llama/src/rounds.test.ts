import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rounds } from './rounds.ts'

test('those that go on when others are still computing wait for them, and begin together', async () => {
  const rounds = new Rounds()
  const log: string[] = []
  const finish: Array<() => void> = []
  const step = (name: string): Promise<void> =>
    rounds.step(() => {
      log.push(name)
      return new Promise((resolve) => finish.push(resolve))
    })
  using _a = rounds.join()
  using _b = rounds.join()
  const first = [step('a1'), step('b1')]
  await begun(log, 2)
  finish[0]?.()
  await first[0]
  const second = step('a2')
  assert.deepEqual(log, ['a1', 'b1'])
  finish[1]?.()
  await first[1]
  const third = step('b2')
  await begun(log, 4)
  assert.deepEqual(log, ['a1', 'b1', 'a2', 'b2'])
  for (const end of finish) end()
  await Promise.all([second, third])
})

test('one alone begins at once, and a step that fails holds nobody up', async () => {
  const rounds = new Rounds()
  using _a = rounds.join()
  let hasBegun = false
  await rounds.step(async () => {
    hasBegun = true
  })
  assert.ok(hasBegun)
  using _b = rounds.join()
  await assert.rejects(
    rounds.step(() => Promise.reject(new Error('no'))),
    /no/,
  )
  assert.equal(await rounds.step(async () => 'next'), 'next')
})

async function begun(log: readonly string[], count: number): Promise<void> {
  while (log.length < count) await new Promise((resolve) => setImmediate(resolve))
}
