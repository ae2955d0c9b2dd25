import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { silentLog } from '@soma/core'
import { ConfigSchema } from '@soma/spec'
import { builtInEngines } from './engines.ts'
import { remotePolicy, withRemotePolicy } from './remote-policy.ts'

const deps = { env: { OPENAI_API_KEY: 'sk-1', EMPTY: '' }, log: silentLog }
const settings = (engines: object) => ConfigSchema.parse({ engines }).engines

test('other servers are off, and no key is read, unless the user says so', () => {
  const remoteKeys = ['https://api.openai.com=OPENAI_API_KEY']
  assert.deepEqual(remotePolicy(settings({ remoteKeys }), deps), { mode: 'off', commands: [], keys: {} })
})

test('keys come from the environment or from a file, each for its origin', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'soma-keys-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'key=1')
  await writeFile(file, 'sk-2\nanother line\n')
  const remoteKeys = [
    'https://api.openai.com=OPENAI_API_KEY',
    `http://127.0.0.1:8000=${file}`,
    'https://a.example=UNSET',
    'https://b.example=EMPTY',
    'https://c.example=/no/such/file',
  ]
  assert.deepEqual(remotePolicy(settings({ remote: 'any', remoteKeys, remoteCommands: ['vllm'] }), deps), {
    mode: 'any',
    commands: ['vllm'],
    keys: {
      'https://api.openai.com': { from: 'OPENAI_API_KEY', key: 'sk-1' },
      'http://127.0.0.1:8000': { from: file, key: 'sk-2' },
      'https://a.example': { from: 'UNSET' },
      'https://b.example': { from: 'EMPTY' },
      'https://c.example': { from: '/no/such/file' },
    },
  })
})

test('only the remote engine is told', () => {
  const engines = withRemotePolicy(builtInEngines(), settings({ remote: 'local' }), deps)
  assert.deepEqual(
    engines.flatMap(({ descriptor, env }) => (env?.['SOMA_REMOTE_POLICY'] === undefined ? [] : [descriptor.id])),
    ['remote'],
  )
})
