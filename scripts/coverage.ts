// `npm run coverage`: the tests of the packages that everything leans on, and how many of the branches of their sources
// those tests take. `npm test` includes it.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findTests, runTests } from './run-tests.ts'

/** The packages whose tests must cover them by themselves. */
export const coveredPackages = ['core', 'spec', 'store', 'kernel'] as const

/** Branches taken, of those that the package's sources have. The rest are mostly broken invariants and failing disks. */
const BRANCH_PERCENT_MIN = 90

/** Runs their tests and prints a line for each package. @returns whether the tests pass and all packages have enough. */
export async function runCoveredTests(): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'soma-coverage-'))
  const report = join(directory, 'lcov.info')
  try {
    const passed = await runTests(findTests(coveredPackages.map((name) => `packages/${name}/src/**/*.test.ts`)), {
      flags: coverageFlags(report),
      // Functions that come out of the compile cache are counted less exactly.
      env: { NODE_DISABLE_COMPILE_CACHE: '1' },
    })
    const branches = countBranches(await readFile(report, 'utf8'))
    return coveredPackages.map((name) => isCovered(name, branches.get(name))).every(Boolean) && passed
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function coverageFlags(report: string): string[] {
  return [
    '--experimental-test-coverage',
    '--test-reporter=lcov',
    `--test-reporter-destination=${report}`,
    ...coveredPackages.map((name) => `--test-coverage-include=packages/${name}/src/**`),
    ...['**/*.test.ts', '**/test-*.ts'].map((glob) => `--test-coverage-exclude=${glob}`),
  ]
}

interface Branches {
  found: number
  hit: number
}

/** Sums the counts of each file (`SF:` its path, `BRF:` branches found, `BRH:` branches hit) by package. */
function countBranches(lcov: string): Map<string, Branches> {
  const branches = new Map<string, Branches>()
  let current: Branches = { found: 0, hit: 0 }
  for (const [, key, value = ''] of lcov.matchAll(/^(SF|BRF|BRH):(.*)$/gm)) {
    if (key === 'SF') {
      const name = /packages\/([a-z]+)\/src\//.exec(value)?.[1] ?? value
      branches.set(name, (current = branches.get(name) ?? { found: 0, hit: 0 }))
    } else if (key === 'BRF') current.found += Number(value)
    else current.hit += Number(value)
  }
  return branches
}

function isCovered(name: string, { found, hit }: Branches = { found: 0, hit: 0 }): boolean {
  const percent = (100 * hit) / found
  // Also false for a package without branches, of which nothing was measured then.
  const enough = percent >= BRANCH_PERCENT_MIN
  const verdict = enough ? '' : `, FAILED: at least ${BRANCH_PERCENT_MIN} % are needed`
  console.log(`# coverage of ${name}: ${percent.toFixed(1)} % (${hit} of ${found} branches)${verdict}`)
  return enough
}

if (import.meta.main) process.exitCode = (await runCoveredTests()) ? 0 : 1
