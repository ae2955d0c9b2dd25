import assert from 'node:assert/strict'
import test from 'node:test'
import { runChaos } from './chaos-world.ts'

/** `npm run chaos` does it for longer. */
const SECONDS = 30

test('engines that are killed under mixed load lose nothing that was accepted', { timeout: 180_000 }, async (t) => {
  const seed = process.env['CI'] ? 7662 : Math.floor(Math.random() * 2 ** 31)
  const { answered, kills } = await runChaos({ seed, seconds: SECONDS, clients: 8, killEveryMs: 400, report: (line) => t.diagnostic(line) })
  assert.ok(answered > 100, `seed ${seed}: only ${answered} calls were answered`)
  assert.ok(kills > 10, `seed ${seed}: only ${kills} engines were killed`)
})
