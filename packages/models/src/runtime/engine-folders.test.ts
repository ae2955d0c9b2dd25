import assert from 'node:assert/strict'
import test from 'node:test'
import type { EngineDescriptor } from '@soma/spec'
import { foldersOf } from './engine-folders.ts'

const engine = { options: [{ name: 'lora', type: 'strings', files: true, description: '' }] } as unknown as EngineDescriptor
const shown = (...lora: string[]): readonly string[] => foldersOf(engine, { settings: { lora } }, { directory: '/pkg' }).readOnly

test('a confined process is shown its package and the files that its settings name, with and without their scale', () => {
  assert.deepEqual(shown('own.gguf', '/data/a=b.gguf', '/data/c d.gguf=0.5'), [
    '/pkg',
    '/data/a=b.gguf',
    '/data/a',
    '/data/c d.gguf=0.5',
    '/data/c d.gguf',
  ])
})

test('a setting that names a root, or what the process has of its own, does not undo its confinement', () => {
  assert.deepEqual(shown('/', '//', '/data/..', '/tmp', '/tmp/', '/dev/null', '/proc/self/environ', '/dev'), ['/pkg'])
  assert.deepEqual(shown('/=1'), ['/pkg', '/=1'])
  assert.deepEqual(shown('/tmp/style.gguf', '/device'), ['/pkg', '/tmp/style.gguf', '/tmp/style.gguf', '/device', '/device'])
})
