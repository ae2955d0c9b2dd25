import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { root } from './run.ts'

/** The test files that match, in an order that does not change. */
export function findTests(patterns: readonly string[]): string[] {
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] }).sort()
}

/** For any one test or suite: far above what is right on a busy machine, so that only a hang reaches it. */
const TEST_MINUTES_MAX = 8

export interface RunTestsOptions {
  readonly flags?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** Runs test files, showing their results. @returns whether all pass. */
export async function runTests(files: readonly string[], { flags = [], env = {} }: RunTestsOptions = {}): Promise<boolean> {
  const reporter = process.env['CI'] || !process.stdout.isTTY ? 'tap' : 'spec'
  const child = spawn(
    process.execPath,
    [
      '--import=./scripts/test-setup.ts',
      '--test',
      `--test-timeout=${TEST_MINUTES_MAX * 60_000}`,
      '--test-concurrency=2',
      `--test-reporter=${reporter}`,
      '--test-reporter-destination=stdout',
      ...flags,
      ...files,
    ],
    { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const [code] = (await once(child, 'exit')) as [number | null]
  return code === 0
}
