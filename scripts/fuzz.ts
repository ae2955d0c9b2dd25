// `npm run fuzz [-- --cases N] [--seed N] [--only name] [--from N]`: shows the readers of files from outside changed
// files, N to each of them, and fails at the first that ends in anything but a value or a typed error.
import { parseArgs } from 'node:util'
import { type FuzzResult, fuzz } from '../packages/formats/src/fuzz/test-fuzz.ts'
import { fuzzTargets } from './fuzz-targets.ts'

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    from: { type: 'string', default: '0' },
    only: { type: 'string' },
  },
})
const chosen = fuzzTargets.filter(({ name }) => values.only === undefined || name === values.only)
if (chosen.length === 0) throw new Error(`no target ${values.only}: ${fuzzTargets.map(({ name }) => name).join(', ')}`)

console.log(`seed ${values.seed}`)
for (const target of chosen) {
  const startedAt = performance.now()
  const result = await fuzz(target, { seed: Number(values.seed), from: Number(values.from), cases: Number(values.cases) })
  console.log(lineOf(result, (performance.now() - startedAt) / 1000))
}

function lineOf({ target, cases, parsed, refused, slowestMs, readsFactor, memoryGrowthBytes }: FuzzResult, seconds: number): string {
  const codes = [...refused].map(([code, count]) => `${code} ${count}`).join(', ')
  const cost = `slowest ${slowestMs.toFixed(1)} ms, read ${readsFactor.toFixed(1)}×, memory +${(memoryGrowthBytes / 2 ** 20).toFixed(0)} MB`
  return `${target.padEnd(12)} ${cases} cases in ${seconds.toFixed(0)} s: ${parsed} valid, ${codes}; ${cost}`
}
