// Trying the mutations takes minutes (`npm run mutations`); that they could be tried is checked every time.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { mutations } from '../scripts/mutation-list.ts'

const packages = join(import.meta.dirname, '..', 'packages')

test('each mutation still finds its line, once, and its tests', () => {
  const problems = mutations.flatMap(({ name, file, text, tests }) => [
    ...(readFileSync(join(packages, file), 'utf8').split(text).length === 2 ? [] : [`${name}: ${file} does not hold once: ${text}`]),
    ...tests.filter((path) => !existsSync(join(packages, path))).map((path) => `${name}: no ${path}`),
  ])
  assert.deepEqual(problems, [])
  assert.ok(mutations.length >= 12)
})
