// `npm test`: reads the sources (types, lint, format, unused code), builds, and runs every test.
// `npm test -- packages/store` runs the tests below a folder, without the rest.
import { coveredPackages, runCoveredTests } from './coverage.ts'
import { findTests, runTests } from './run-tests.ts'

const folders = process.argv.slice(2)
const passed = folders.length > 0 ? await runFolders() : await runEverything()
process.exit(passed ? 0 : 1)

async function runFolders(): Promise<boolean> {
  const files = findTests(folders.map((folder) => `${folder}/**/*.test.ts`))
  if (files.length === 0) throw new Error(`no tests below ${folders.join(', ')}`)
  // Tests of the whole run what is in dist/.
  if (files.some((file) => !file.startsWith('packages/'))) await import('./build.ts')
  return await runTests(files)
}

/** The tests of some packages are run with their coverage, the others without: it makes them slower. */
async function runEverything(): Promise<boolean> {
  await import('./check.ts')
  await import('./build.ts')
  const covered = await runCoveredTests()
  const files = findTests([
    'packages/**/*.test.ts',
    'test/**/*.test.ts',
    'examples/**/*.test.ts',
    'bench/**/*.test.ts',
    'tools/**/*.test.ts',
  ])
  const others = await runTests(files.filter((file) => !coveredPackages.some((name) => file.startsWith(`packages/${name}/`))))
  return covered && others
}
