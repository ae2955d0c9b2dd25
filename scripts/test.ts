// `npm test`: reads the sources (types, lint, format, unused code), builds, and runs every test.
// `npm test -- packages/store` runs the tests below a folder, without the rest.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync } from 'node:fs'
import { root } from './run.ts'

const folders = process.argv.slice(2)
if (folders.length === 0) {
  await import('./check.ts')
  await import('./build.ts')
}

const patterns =
  folders.length > 0
    ? folders.map((folder) => `${folder}/**/*.test.ts`)
    : ['packages/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts', 'bench/**/*.test.ts']
const files = globSync(patterns, { cwd: root, exclude: ['**/node_modules/**', '**/dist/**'] }).sort()
if (files.length === 0) throw new Error(`no tests below ${folders.join(', ')}`)

const reporter = process.env['CI'] || !process.stdout.isTTY ? 'tap' : 'spec'
const child = spawn(
  process.execPath,
  ['--test', `--test-reporter=${reporter}`, '--test-timeout=300000', '--test-concurrency=2', ...files],
  { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
)
const [code] = (await once(child, 'exit')) as [number | null]
process.exit(code ?? 1)
