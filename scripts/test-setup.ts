// Loaded into the process of every test file (`run-tests.ts`).
import { CI_SEED } from '@soma/testkit/simulate'
import { configureGlobal } from 'fast-check'

const FILE_MINUTES_MAX = 10

if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  endWhenHung()
  // CI tries the same cases every time, and a failure shows its error and not only its counterexample.
  configureGlobal({ includeErrorInReport: true, ...(process.env['CI'] && { seed: CI_SEED }) })
}

/** Ends a file that hangs in a hook, or on a handle that it left open: Node's own limit is for single tests. */
function endWhenHung(): void {
  const timer = setTimeout(() => {
    console.error(`took more than ${FILE_MINUTES_MAX} minutes; still open: ${process.getActiveResourcesInfo().join(', ')}`)
    process.exit(1)
  }, FILE_MINUTES_MAX * 60_000)
  timer.unref()
}
