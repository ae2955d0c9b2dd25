import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { FakeDispatcher } from '@soma/testkit/face'
import { cli } from '../test-cli.ts'
import { completionScripts } from './scripts.ts'

const dispatcher = new FakeDispatcher()
dispatcher.handlers.set('model.list', () => ({
  models: [
    { name: 'ocr', aliases: ['optical'] },
    { name: 'other', aliases: [] },
    { name: 'vad', aliases: [] },
  ],
}))
dispatcher.handlers.set('key.list', () => ({ keys: [{ name: 'alice' }, { name: 'release' }] }))
dispatcher.handlers.set('source.list', () => ({ sources: [{ scheme: 'hf' }, { scheme: 'ollama' }] }))
dispatcher.handlers.set('engine.list', () => ({ engines: [{ id: 'echo' }, { id: 'onnx' }] }))
dispatcher.handlers.set('capability.list', () => ({
  capabilities: [
    { id: 'cap_1', holder: 'owner' },
    { id: 'cap_2', holder: 'token:tok_1' },
  ],
}))

async function candidates(...words: string[]): Promise<string[]> {
  const { stdout } = await cli(['complete', '--candidates', '--', ...words], { dispatcher })
  return stdout.split('\n').filter(Boolean)
}

describe('candidates', () => {
  test('are commands, then verbs, then what the argument is', async () => {
    assert.deepEqual(await candidates('st'), ['status', 'stop'])
    assert.ok((await candidates('')).includes('model'))
    assert.deepEqual(await candidates('model', 'un'), ['unload', 'unpack'])
    assert.deepEqual(await candidates('key', ''), ['create', 'list', 'show', 'import', 'trust', 'remove'])
    assert.deepEqual(await candidates('model', 'show', 'o'), ['ocr', 'optical', 'other'])
    assert.deepEqual(await candidates('engine', 'show', ''), ['echo', 'onnx'])
    assert.deepEqual(await candidates('capability', 'revoke', ''), ['cap_1', 'cap_2'])
    assert.deepEqual(await candidates('token', 'revoke', ''), ['tok_1'])
    assert.deepEqual(await candidates('key', 'trust', ''), ['alice', 'release'])
    assert.deepEqual(await candidates('config', 'get', 'http.p'), ['http.port'])
    assert.deepEqual(await candidates('call', 'model.infe'), ['model.infer'])
  })

  test('are options after a dash, the command’s own and those of all', async () => {
    assert.deepEqual(await candidates('model', 'install', '--'), [
      '--name',
      '--include',
      '--replace',
      '--allow-unsafe',
      '--verbose',
      '--json',
      '--help',
      '--url',
      '--token',
      '--socket',
      '--home',
    ])
    assert.ok((await candidates('--so')).includes('--socket'))
  })

  test('are sources where a reference begins, and the shell’s files where it is a path', async () => {
    assert.deepEqual(await candidates('model', 'install', ''), ['hf/', 'ollama/'])
    assert.deepEqual(await candidates('model', 'info', 'h'), ['hf/'])
    assert.deepEqual(await candidates('model', 'install', './m'), ['@files'])
  })

  test('of an option’s value are what the option takes', async () => {
    assert.deepEqual(await candidates('model', 'sign', 'ocr', '--key', ''), ['alice', 'release'])
    assert.deepEqual(await candidates('model', 'search', 'x', '--source', 'o'), ['ollama'])
    assert.deepEqual(await candidates('model', 'search', 'x', '--limit', ''), [])
    assert.deepEqual(await candidates('token', 'create', '--priority-max', 'b'), ['batch'])
  })

  test('do not count options and their values as arguments', async () => {
    assert.deepEqual(await candidates('--home', '/x', 'model', '--json', 'show', 'v'), ['vad'])
    assert.deepEqual(await candidates('model', 'run', '--input', 'x=1', 'oc'), ['ocr'])
  })

  test('leave files to the shell, for every further argument that takes them', async () => {
    assert.deepEqual(await candidates('model', 'run', 'ocr', ''), ['@files'])
    assert.deepEqual(await candidates('model', 'run', 'ocr', 'a.png', 'b'), ['@files'])
    assert.deepEqual(await candidates('model', 'show', 'ocr', ''), [])
  })

  test('are none, silently, without a daemon or for words that are no command', async () => {
    assert.deepEqual(await cli(['complete', '--candidates', '--', 'model', 'show', '']), { exitCode: 0, stdout: '', stderr: '' })
    assert.deepEqual(await candidates('nonsense', ''), [])
  })
})

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0
const checks = { bash: ['--norc', '-n'], zsh: ['-n'], fish: ['--no-execute'] } as const
for (const name of ['soma', 'axon'])
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    test(`the ${shell} script of ${name} is valid`, { skip: has(shell) ? false : `${shell} is not installed` }, (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'soma-complete-'))
      t.after(() => rmSync(folder, { recursive: true }))
      const script = join(folder, `${name}.${shell}`)
      writeFileSync(script, completionScripts(name)[shell])
      execFileSync(shell, [...checks[shell], script])
    })

test('bash completes what soma answers', { skip: has('bash') ? false : 'bash is not installed' }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'soma-complete-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const fake = join(folder, 'soma')
  writeFileSync(fake, '#!/bin/sh\n[ "$*" = "complete --candidates -- model show o" ] && printf "ocr\\nother one\\n"\n')
  chmodSync(fake, 0o755)
  const script = `${completionScripts('soma').bash}\nCOMP_WORDS=(soma model show o); COMP_CWORD=3; _soma; printf '%s|' "\${COMPREPLY[@]}"`
  assert.equal(
    execFileSync('bash', ['--norc', '-c', script], { env: { PATH: `${folder}:${process.env['PATH']}` }, encoding: 'utf8' }),
    'ocr|other one|',
  )
})
