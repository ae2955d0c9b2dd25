// Every reader of files from outside, shown changed files for a while: a few seconds here, a minute in CI.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testSeed } from '@soma/testkit/simulate'
import { type FuzzResult, fuzz } from '../packages/formats/src/fuzz/test-fuzz.ts'
import { fuzzTargets } from '../scripts/fuzz-targets.ts'

/** All targets together. */
const seconds = Number(process.env['SOMA_FUZZ_SECONDS'] ?? (process.env['CI'] ? 60 : 12))
/** CI goes through the same cases every time; whoever runs it by hand sees others. */
const seed = Number(process.env['SOMA_FUZZ_SEED'] ?? testSeed())
/** Fewer would mean that a reader is too slow to be tested. */
const CASES_MIN = 100

describe(`readers of files from outside, with seed ${seed}`, () => {
  for (const target of fuzzTargets)
    it(`${target.name} ends with a value or a typed error, whatever is changed in a file`, async (test) => {
      const result = await fuzz(target, { seed, timeMs: (seconds * 1000) / fuzzTargets.length })
      test.diagnostic(summary(result))
      assert.ok(result.cases >= CASES_MIN, `only ${result.cases} cases`)
    })
})

function summary({ cases, parsed, slowestMs }: FuzzResult): string {
  return `seed ${seed}: ${cases} cases, ${parsed} of them valid, slowest ${slowestMs.toFixed(1)} ms`
}
