import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { isSomaError } from '@soma/core'
import { findInterpreter } from './interpreter.ts'
import { readOptions } from './options.ts'
import { pythonCommand } from './run.ts'
import { descriptor } from './index.ts'

/** Folders with programs that answer the probe as a Python does: name → what they say; undefined fails. */
function machine(t: TestContext, folders: Readonly<Record<string, Readonly<Record<string, string | undefined>>>>): string {
  const root = mkdtempSync(join(tmpdir(), 'soma-python-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const [folder, programs] of Object.entries(folders)) {
    mkdirSync(join(root, folder), { recursive: true })
    for (const [name, says] of Object.entries(programs)) {
      writeFileSync(join(root, folder, name), `#!/bin/sh\n${says === undefined ? 'exit 1' : `echo ${says}`}\n`)
      chmodSync(join(root, folder, name), 0o755)
    }
  }
  return root
}

const optionsOf = (root: string, folders: readonly string[], extra = {}) =>
  readOptions({ PATH: folders.map((folder) => join(root, folder)).join(':'), ...extra })

test('the newest Python with PyTorch is taken, wherever it is on the PATH', async (t) => {
  const root = machine(t, {
    a: { 'python3.13': '3 13', python3: '3 13' },
    b: { 'python3.12': '3 12 torch keras', 'python3.10': '3 10 torch' },
  })
  assert.equal(await findInterpreter(optionsOf(root, ['a', 'b'])), join(root, 'b', 'python3.12'))
})

test('without PyTorch one with another framework is taken, and an old Python never', async (t) => {
  const root = machine(t, { a: { 'python3.13': '3 13', 'python3.11': '3 11 jax', python3: '3 9 torch' } })
  assert.equal(await findInterpreter(optionsOf(root, ['a'])), join(root, 'a', 'python3.11'))
})

test('an environment that Soma’s instructions made comes first, and one that is named is not asked anything', async (t) => {
  const root = machine(t, { a: { 'python3.13': '3 13 torch' }, 'own/bin': { python3: '3 11 torch' } })
  const managed = { SOMA_PYTHON_ENVIRONMENT: join(root, 'own') }
  assert.equal(await findInterpreter(optionsOf(root, ['a'], managed)), join(root, 'own', 'bin', 'python3'))
  assert.equal(await findInterpreter(optionsOf(root, ['a'], { ...managed, SOMA_PYTHON: '/other' })), '/other')
})

test('a folder that is a link, and names that are links in their folder, are asked once', async (t) => {
  const root = machine(t, { a: { 'python3.11': '3 11' } })
  symlinkSync('python3.11', join(root, 'a', 'python3'))
  symlinkSync('a', join(root, 'b'))
  await assert.rejects(findInterpreter(optionsOf(root, ['a', 'b'])), (error) => {
    assert.ok(isSomaError(error, 'engine/missing'))
    assert.equal((error.details['rejected'] as unknown[]).length, 1)
    return true
  })
})

test('a folder of the name, and a program that may be run and not read, stop nothing', async (t) => {
  const root = machine(t, { a: { 'python3.11': '3 11 torch', 'python3.12': '3 12' } })
  mkdirSync(join(root, 'a', 'python3.13'))
  chmodSync(join(root, 'a', 'python3.12'), 0o111)
  assert.equal(await findInterpreter(optionsOf(root, ['a'])), join(root, 'a', 'python3.11'))
})

test('without any, the error says what was looked at and what to install', async (t) => {
  const root = machine(t, { a: { 'python3.12': '3 12', python3: undefined } })
  const options = optionsOf(root, ['a'], { SOMA_PYTHON_ENVIRONMENT: '/data/python' })
  await assert.rejects(findInterpreter(options), (error) => {
    assert.ok(isSomaError(error, 'engine/missing'))
    for (const part of [
      /python3\.12 has no framework/,
      /python3 does not run/,
      /apt install python3-torch/,
      /python3 -m venv \/data\/python/,
    ])
      assert.match(error.message, part)
    return true
  })
})

test('what starts Python ignores its variables, writes nothing beside the code and keeps the environment', () => {
  const { file, args, env } = pythonCommand(
    process.execPath,
    { engine: '/e', sdk: '/s' },
    { descriptor, env: { PATH: '/bin', EMPTY: undefined } },
  )
  assert.equal(file, process.execPath)
  assert.deepEqual(args.slice(1, -1), ['-E', '-B', '-u', '-X', 'utf8', '/e/main.py', '/s'])
  assert.deepEqual(JSON.parse(args.at(-1) ?? ''), descriptor)
  assert.equal(env['PATH'], '/bin')
  assert.equal('EMPTY' in env, false)
  assert.throws(() => pythonCommand('/no/such/python', { engine: '/e', sdk: '/s' }, { descriptor, env: {} }), { code: 'engine/missing' })
})
