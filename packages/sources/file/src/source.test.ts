import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { tarGzOf } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, readAll, sourceCompliance } from '@soma/testkit/source'
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
  return { folder, source: one.source, resolve: (name: string) => one.source.resolve(join(folder, name), { signal }) }
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

/** A clone with one large file, as `git lfs clone` leaves it: a pointer in the tree, and its contents under their hash if they were pulled. */
async function lfsClone(folder: string, { pulled }: { readonly pulled: boolean }): Promise<string> {
  const oid = createHash('sha256').update(weights).digest('hex')
  const clone = join(folder, 'clone')
  const objects = join(clone, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4))
  await mkdir(join(clone, 'onnx'), { recursive: true })
  await mkdir(objects, { recursive: true })
  await writeFile(join(clone, 'onnx/a.onnx'), `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${weights.byteLength}\n`)
  if (pulled) await writeFile(join(objects, oid), weights)
  return oid
}

test('a git-lfs clone gives the contents of its pointers, from where git-lfs keeps them', async (t) => {
  const { folder, resolve, source } = await opened(t)
  const oid = await lfsClone(folder, { pulled: true })
  for (const name of ['clone', 'clone/onnx', 'clone/onnx/a.onnx']) {
    const [artifact] = (await resolve(name)).artifacts
    assert.deepEqual(artifact?.integrity, { algorithm: 'sha256', digest: oid })
    assert.equal(artifact.sizeBytes, weights.byteLength)
    assert.equal(artifact.localImmutable, true)
    assert.match(artifact.localPath ?? '', new RegExp(`clone/\\.git/lfs/objects/.*${oid}$`))
    assert.deepEqual(await readAll(await source.download(artifact, { offset: 0, signal })), new Uint8Array(weights))
  }
})

test('a worktree of a git-lfs clone finds the objects of its main clone', async (t) => {
  const { folder, resolve } = await opened(t)
  const oid = await lfsClone(folder, { pulled: true })
  await mkdir(join(folder, 'clone/.git/worktrees/other'), { recursive: true })
  await writeFile(join(folder, 'clone/.git/worktrees/other/commondir'), '../..\n')
  await mkdir(join(folder, 'other'))
  await writeFile(join(folder, 'other/.git'), `gitdir: ${join(folder, 'clone/.git/worktrees/other')}\n`)
  await writeFile(
    join(folder, 'other/a.onnx'),
    `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${weights.byteLength}\n`,
  )
  const { artifacts } = await resolve('other')
  assert.equal(artifacts.find(({ path }) => path === 'a.onnx')?.integrity?.digest, oid)
})

test('a pointer whose contents were not pulled is refused, and says what to run', async (t) => {
  const { folder, resolve } = await opened(t)
  await lfsClone(folder, { pulled: false })
  await assert.rejects(resolve('clone'), { code: 'source/not-found', message: /onnx\/a\.onnx is a git-lfs pointer .* git lfs pull/ })
  await writeFile(join(folder, 'model/note.txt'), 'version https://git-lfs.github.com/spec/v1\nand nothing else')
  assert.equal((await resolve('model')).artifacts.length, 3)
})

test('a snapshot of a hub’s cache may link to the blobs beside it, and nowhere else', async (t) => {
  const { folder, resolve } = await opened(t)
  const snapshot = join(folder, 'models--org--name/snapshots/0a1b')
  await mkdir(snapshot, { recursive: true })
  await mkdir(join(folder, 'models--org--name/blobs'))
  await writeFile(join(folder, 'models--org--name/blobs/77'), weights)
  await symlink('../../blobs/77', join(snapshot, 'model.onnx'))
  const [artifact] = (await resolve('models--org--name/snapshots/0a1b')).artifacts
  assert.equal(artifact?.path, 'model.onnx')
  assert.match(artifact.localPath ?? '', /blobs\/77$/)
  await symlink('../../../model/parts/a.onnx', join(snapshot, 'other.onnx'))
  await assert.rejects(resolve('models--org--name/snapshots/0a1b'), failsWith('package/unsafe-path'))
})
