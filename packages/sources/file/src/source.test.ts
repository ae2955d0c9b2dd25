import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tarGzOf } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, sourceCompliance } from '@soma/testkit/source'
import { createFileSource } from './index.ts'

const signal = new AbortController().signal
const weights = Buffer.alloc(3_000_000, 'weights ')

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'soma-source-file-'))
  await mkdir(join(folder, 'model/parts'), { recursive: true })
  await writeFile(join(folder, 'model/parts/a.onnx'), weights)
  await writeFile(join(folder, 'model/vocabulary.txt'), 'one two three four five')
  return folder
}

async function place(): Promise<SourceFixture> {
  const folder = await newFolder()
  return {
    good: join(folder, 'model'),
    missing: join(folder, 'none'),
    malformed: ['model', './model', '~/model', '/zero\0byte'],
    bytes: (path) => (path === 'parts/a.onnx' ? weights : Buffer.from('one two three four five')),
    change: () => writeFile(join(folder, 'model/parts/a.onnx'), 'other weights, and shorter'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

sourceCompliance({ name: 'file', create: createFileSource, remote: false, arrange: place })

async function opened(t: TestContext) {
  const folder = await newFolder()
  t.after(() => rm(folder, { recursive: true }))
  const one = createTestSource(createFileSource)
  t.after(() => one[Symbol.asyncDispose]())
  return { folder, resolve: (name: string) => one.source.resolve(join(folder, name), { signal }) }
}

test('a folder gives its files in order with their real paths, without the bookkeeping of git and hubs', async (t) => {
  const { folder, resolve } = await opened(t)
  await mkdir(join(folder, 'model/.git'))
  await writeFile(join(folder, 'model/.git/HEAD'), 'x')
  await symlink('parts/a.onnx', join(folder, 'model/z.onnx'))
  const { artifacts, suggestedName } = await resolve('model')
  assert.equal(suggestedName, 'model')
  assert.deepEqual(
    artifacts.map(({ path, sizeBytes }) => [path, sizeBytes]),
    [
      ['parts/a.onnx', weights.byteLength],
      ['vocabulary.txt', 23],
      ['z.onnx', weights.byteLength],
    ],
  )
  assert.equal(artifacts[2]?.localPath, artifacts[0]?.localPath)
})

test('one file is itself, an archive is unpacked', async (t) => {
  const { folder, resolve } = await opened(t)
  await writeFile(join(folder, 'Tiny Model.tar.gz'), tarGzOf({ 'a.txt': 'a' }))
  const archive = await resolve('Tiny Model.tar.gz')
  assert.equal(archive.artifacts[0]?.kind, 'tar.gz')
  assert.equal(archive.suggestedName, 'tiny-model')
  const file = await resolve('model/parts/a.onnx')
  assert.equal(file.suggestedName, 'a')
  assert.deepEqual(
    file.artifacts.map(({ path, kind }) => [path, kind]),
    [['a.onnx', 'file']],
  )
})

test('links that leave the folder, links to folders, dead links, sockets and pipes are refused', async (t) => {
  const { folder, resolve } = await opened(t)
  const refuse = async (make: (path: string) => unknown): Promise<void> => {
    const path = join(folder, 'model/odd')
    await make(path)
    await assert.rejects(resolve('model'), failsWith('package/unsafe-path', 'source/not-found'))
    await rm(path, { force: true })
  }
  await refuse((path) => symlink('/etc/hostname', path))
  await refuse((path) => symlink('../../../../../../etc/hostname', path))
  await refuse((path) => symlink('parts', path))
  await refuse((path) => symlink('nowhere', path))
  await refuse((path) => symlink('odd', path))
  await refuse((path) => execFileSync('mkfifo', [path]))
  execFileSync('mkfifo', [join(folder, 'pipe')])
  await assert.rejects(resolve('pipe'), failsWith('package/unsafe-path'))
  const server = createServer().listen(join(folder, 'model/socket'))
  t.after(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  await assert.rejects(resolve('model'), failsWith('package/unsafe-path'))
})

test('a neighbour whose name begins like the folder’s is outside of it', async (t) => {
  const { folder, resolve } = await opened(t)
  await writeFile(join(folder, 'model-secret'), 'x')
  await symlink('../model-secret', join(folder, 'model/link'))
  await assert.rejects(resolve('model'), failsWith('package/unsafe-path'))
})

test('an empty folder holds no model', async (t) => {
  const { folder, resolve } = await opened(t)
  await mkdir(join(folder, 'empty/inner'), { recursive: true })
  await assert.rejects(resolve('empty'), failsWith('source/not-found'))
})

test('too many files and too deep folders are refused', async (t) => {
  const { folder, resolve } = await opened(t)
  await mkdir(join(folder, 'deep', ...Array.from({ length: 40 }, () => 'd')), { recursive: true })
  await assert.rejects(resolve('deep'), failsWith('source/invalid-reference'))
})
