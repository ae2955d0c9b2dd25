// `npm run mutations [-- words…]`: breaks what guards the system, one line at a time, in a copy of the sources, and runs
// the tests that should notice. Fails when they pass all the same, or when a line is no longer there to be broken.
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, readdir, readlink, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { type Mutation, mutations } from './mutation-list.ts'
import { root } from './run.ts'

const words = process.argv.slice(2)
const chosen = mutations.filter(({ name }) => words.every((word) => name.includes(word)))
if (chosen.length === 0) throw new Error(`no mutation matches ${words.join(' ')}`)

/** A test that fails half-way may leave a server open; whatever is still there after this many ms is no test any more. */
const TESTS_MS_MAX = 300_000

const copy = await mkdtemp(join(tmpdir(), 'soma-mutations-'))
process.on('exit', () => rmSync(copy, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
process.exitCode = (await survey(chosen)) ? 0 : 1

/** @returns whether tests notice all of them. */
async function survey(chosen: readonly Mutation[]): Promise<boolean> {
  await fillCopy()
  const files = [...new Set(chosen.flatMap(({ tests }) => tests))]
  const failing = await firstFailure(files)
  if (failing !== undefined) throw new Error(`without any mutation "${failing}" fails: mend that first`)
  const width = Math.max(...chosen.map(({ name }) => name.length))
  let good = true
  for (const mutation of chosen) {
    const { noticed, what } = await tryMutation(mutation)
    console.log(`${noticed ? 'noticed ' : 'SURVIVED'}  ${mutation.name.padEnd(width)}  ${what}`)
    good &&= noticed
  }
  return good
}

/** The packages, with a `node_modules` in which only ours are the copy's. */
async function fillCopy(): Promise<void> {
  const skipped = new Set(['node_modules', 'dist'])
  const modules = join(root, 'node_modules')
  await cp(join(root, 'packages'), join(copy, 'packages'), { recursive: true, filter: (path) => !skipped.has(basename(path)) })
  await cp(join(root, 'package.json'), join(copy, 'package.json'))
  await mkdir(join(copy, 'node_modules', '@soma'), { recursive: true })
  for (const name of await readdir(modules)) if (name !== '@soma') await symlink(join(modules, name), join(copy, 'node_modules', name))
  for (const name of await readdir(join(modules, '@soma')))
    await symlink(await readlink(join(modules, '@soma', name)), join(copy, 'node_modules', '@soma', name))
}

async function tryMutation({ file, text, replacement, tests }: Mutation): Promise<{ readonly noticed: boolean; readonly what: string }> {
  const path = join(copy, 'packages', file)
  const source = await readFile(path, 'utf8')
  if (source.split(text).length !== 2) return { noticed: false, what: `${file} does not hold this once: ${text}` }
  await writeFile(
    path,
    source.replace(text, () => replacement),
  )
  try {
    const failing = await firstFailure(tests)
    // A file that does not even load says nothing about its tests.
    if (failing?.endsWith('.test.ts')) return { noticed: false, what: `${failing} cannot be loaded with it` }
    return failing === undefined ? { noticed: false, what: tests.join(' ') } : { noticed: true, what: failing }
  } finally {
    await writeFile(path, source)
  }
}

/** Runs test files of the copy. @returns the name of the first test that fails. */
async function firstFailure(tests: readonly string[]): Promise<string | undefined> {
  const flags = ['--test', '--test-reporter=tap', '--test-timeout=60000', '--test-concurrency=2', '--test-force-exit']
  const args = [...flags, ...tests.map((file) => `packages/${file}`)]
  const options = { cwd: copy, maxBuffer: 64 * 1024 * 1024, timeout: TESTS_MS_MAX }
  const { promise, resolve } = Promise.withResolvers<{ readonly failed: boolean; readonly output: string }>()
  execFile(process.execPath, args, options, (error, output) => resolve({ failed: error !== null, output }))
  const { failed, output } = await promise
  return failed ? (/^ *not ok \d+ - (.*)$/m.exec(output)?.[1] ?? 'no test in particular') : undefined
}
