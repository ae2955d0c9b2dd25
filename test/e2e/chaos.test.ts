import assert from 'node:assert/strict'
import test from 'node:test'
import { testSeed } from '@soma/testkit/simulate'
import { runChaos } from './chaos-world.ts'

/** `npm run chaos` does it for longer. */
const SECONDS = 30

test('engines that are killed under mixed load lose nothing that was accepted', async (t) => {
  const seed = testSeed()
  const { answered, kills } = await runChaos({ seed, seconds: SECONDS, clients: 8, killEveryMs: 400, report: (line) => t.diagnostic(line) })
  // A slow machine does little in that time.
  assert.ok(answered > 20, `seed ${seed}: only ${answered} calls were answered`)
  assert.ok(kills > 5, `seed ${seed}: only ${kills} engines were killed`)
})
