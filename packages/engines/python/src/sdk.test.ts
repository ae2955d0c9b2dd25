import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { testPython } from './test-models.ts'

const root = join(import.meta.dirname, '..', '..', '..', '..')
const python = await testPython()
/** Those without torch have none of the engine's packages, but may well have a Python. */
const interpreter = python.interpreter ?? 'python3'
const run = promisify(execFile)
const version = await run(interpreter, ['-c', 'import sys; print(sys.version_info >= (3, 10))']).then(
  ({ stdout }) => stdout.trim() === 'True',
  () => false,
)

for (const [what, folder] of [
  ['the SDK', 'sdks/python'],
  ['the engine', 'packages/engines/python/python'],
] as const)
  test(`the Python tests of ${what} pass`, { skip: version ? false : 'no Python 3.10 or newer here' }, async () => {
    const env = { ...process.env, PYTHONPATH: [join(root, folder), join(root, 'sdks/python')].join(':') }
    const options = { cwd: join(root, folder), env, timeout: 60_000 }
    const { stderr } = await run(interpreter, ['-B', '-m', 'unittest', 'discover', '-s', 'tests'], options)
    assert.match(stderr, /^OK/m)
    assert.doesNotMatch(stderr, /Ran 0 tests/)
  })
