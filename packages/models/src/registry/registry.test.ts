import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { arithmeticModel } from '@soma/testkit/onnx'
import { TestInstall, codeOf } from '../install/test-install.ts'
import { readManifest } from '../package/manifest.ts'
import type { InstalledModel } from '../ports.ts'
import { RECORDS_PAGE } from './limits.ts'
import { PACKAGE_KIND } from './record.ts'

async function withModels(...names: string[]): Promise<TestInstall> {
  const test = await TestInstall.create()
  for (const name of names) {
    test.source.serve(name, { 'sub/m.echo': `weights of ${name}`, 'shared.txt': 'the same in all' })
    await test.install(`test/${name}`, { include: ['**/*'] })
  }
  return test
}

/** Flips one bit of a file that is there to be read only. */
async function damage(path: string): Promise<void> {
  const bytes = await readFile(path)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  await chmod(path, 0o600)
  await writeFile(path, bytes)
}

/** Changes a closed store's database as somebody with an editor would. */
async function tamper(test: TestInstall, sql: string): Promise<void> {
  await test.close()
  const database = new DatabaseSync(join(test.directory, 'soma.sqlite'))
  database.exec(sql)
  database.close()
  await test.open()
}

describe('registry', () => {
  it('gives models by name, and the nearest names for one that is not there', async () => {
    await using test = await withModels('receipts', 'voice')
    assert.equal(test.registry.get('voice').reference, 'test/voice@1.0.0')
    assert.throws(
      () => test.registry.get('reciepts'),
      (error) => {
        assert.ok(isSomaError(error, 'model/not-found'))
        assert.deepEqual(error.details['nearest'], ['receipts'])
        return error.message.includes('did you mean receipts?')
      },
    )
  })

  it('reads the same after the store was closed and opened', async () => {
    await using test = await withModels('a', 'b')
    const before = test.registry.list()
    await test.reopen()
    assert.deepEqual(test.registry.list(), before)
  })

  it('lists 5,000 models', async () => {
    await using test = await withModels('a')
    const model = test.registry.get('a')
    const writes = Array.from({ length: 5000 }, (_, index) => ({
      action: 'put' as const,
      kind: PACKAGE_KIND,
      key: `m${index}`,
      value: { ...model, name: `m${index}` },
    }))
    test.store.commit({ writes })
    await test.reopen()
    assert.equal(test.registry.list().length, 5001)
    assert.equal((await test.call('model.list', {})).output.models.length, 5001)
  })

  it('finds models before all records were read, and reads on where others changed meanwhile', async () => {
    await using test = await withModels('a', 'b', 'c')
    const model = test.registry.get('a')
    const writes = Array.from({ length: 3 * RECORDS_PAGE }, (_, index) => `m${index}`).map((name) => ({
      action: 'put' as const,
      kind: PACKAGE_KIND,
      key: name,
      value: { ...model, name },
    }))
    test.store.commit({ writes })
    await test.reopen()
    const { registry } = test
    assert.equal(registry.get('m5').name, 'm5')
    const warm = registry.warmUp(new AbortController().signal)
    await test.call('model.remove', { model: 'c' })
    await test.call('model.pin', { model: 'm5' }).catch(() => undefined)
    await warm
    assert.equal(registry.list().length, 3 * RECORDS_PAGE + 2)
    assert.deepEqual(
      registry.list().map(({ name }) => name),
      ['a', 'b', ...writes.map(({ key }) => key)].sort(),
    )
    assert.equal(registry.get('m5').pinned, true)
  })

  it('lists only what the caller may see', async () => {
    await using test = await withModels('a', 'b')
    test.running.loaded.add('b')
    const { output } = await test.call('model.list', {}, { allows: (resource) => resource === 'model/b' })
    assert.deepEqual(
      output.models.map(({ name, loaded }) => [name, loaded]),
      [['b', true]],
    )
  })

  it('shows files, signature and a manifest that reads back equal', async () => {
    await using test = await TestInstall.create()
    test.source.serve('sums', { 'm.onnx': arithmeticModel() })
    await test.install('test/sums')
    const { output } = await test.call('model.show', { model: 'sums' })
    assert.deepEqual(
      output.files.map(({ path, role }) => [path, role]),
      [['m.onnx', 'model']],
    )
    assert.equal(output.signature?.outputs[1]?.name, 'product')
    assert.deepEqual(readManifest(Buffer.from(output.manifestYaml)), output.manifest)
    assert.equal(await codeOf(test.call('model.show', { model: 'none' })), 'model/not-found')
  })

  it('leaves out a model whose record is damaged, says so when asked for it, and lets it be removed', async () => {
    await using test = await withModels('a', 'b')
    await tamper(test, `update records set value = replace(value, 'test/a@', 'test/x@') where key = 'a'`)
    assert.deepEqual(
      test.registry.list().map(({ name }) => name),
      ['b'],
    )
    assert.throws(
      () => test.registry.get('a'),
      (error) => isSomaError(error, 'store/corrupt'),
    )
    const { output } = await test.call('model.verify', {})
    assert.deepEqual(
      output.models.map(({ name, ok, record }) => [name, ok, record]),
      [
        ['a', false, 'corrupt'],
        ['b', true, 'ok'],
      ],
    )
    await test.call('model.remove', { model: 'a' })
    assert.throws(
      () => test.registry.get('a'),
      (error) => isSomaError(error, 'model/not-found'),
    )
  })
})

describe('opening a package', () => {
  it('lays its files out under their names, with the manifest, until the last user closes it', async () => {
    await using test = await withModels('a')
    const model = test.registry.get('a')
    const [one, two] = await Promise.all([test.registry.open(model), test.registry.open(model)])
    assert.equal(one.directory, two.directory)
    assert.ok(one.directory.startsWith(join(test.directory, 'run', 'packages')))
    assert.equal(await readFile(join(one.directory, 'sub', 'm.echo'), 'utf8'), 'weights of a')
    assert.equal(readManifest(await readFile(join(one.directory, 'manifest.yaml'))).metadata.name, 'a')
    assert.deepEqual(one.roles, { model: 'sub/m.echo' })
    assert.equal((await stat(one.files.find(({ path }) => path === 'sub/m.echo')?.localPath ?? '')).nlink, 2)
    await one[Symbol.asyncDispose]()
    await one[Symbol.asyncDispose]()
    assert.equal((await readdir(two.directory)).length, 3)
    await two[Symbol.asyncDispose]()
    await assert.rejects(stat(two.directory))
  })

  it('can be closed and opened again at once', async () => {
    await using test = await withModels('a')
    const model = test.registry.get('a')
    const first = await test.registry.open(model)
    const [, second] = await Promise.all([first[Symbol.asyncDispose](), test.registry.open(model)])
    assert.equal(await readFile(join(second.directory, 'shared.txt'), 'utf8'), 'the same in all')
    await second[Symbol.asyncDispose]()
  })

  it('keeps the files of a removed model until it is closed', async () => {
    await using test = await withModels('a')
    const open = await test.registry.open(test.registry.get('a'))
    await test.call('model.remove', { model: 'a' })
    await test.idle()
    assert.equal((await test.leftovers()).blobs, 2)
    await open[Symbol.asyncDispose]()
    assert.equal((await test.leftovers()).blobs, 0)
  })

  it('names the file that is missing or has another size', async () => {
    await using test = await withModels('a')
    const model = test.registry.get('a')
    const file = model.files.find(({ role }) => role === 'model')
    assert.ok(file)
    const path = test.store.blobs.path(file.digest)
    await chmod(path, 0o600)
    await writeFile(path, 'shorter')
    const corrupt = (error: unknown): boolean =>
      isSomaError(error, 'package/corrupt') && error.details['path'] === 'sub/m.echo' && error.details['model'] === 'a'
    await assert.rejects(test.registry.open(model), corrupt)
    await rm(path)
    await assert.rejects(test.registry.open(model), corrupt)
    assert.equal((await test.leftovers()).layouts, 0)
  })

  it('removes what a killed process had laid out', async () => {
    await using test = await withModels('a')
    await mkdir(join(test.directory, 'run', 'packages', 'old'), { recursive: true })
    await writeFile(join(test.directory, 'run', 'packages', 'old', 'file'), 'x')
    await test.reopen()
    assert.equal((await test.leftovers()).layouts, 0)
  })
})

describe('model.verify', () => {
  it('names the model and the file in which a bit has flipped, with expected and found digest', async () => {
    await using test = await withModels('a', 'b')
    const file = test.registry.get('a').files.find(({ role }) => role === 'model')
    assert.ok(file)
    await damage(test.store.blobs.path(file.digest))
    const { output, events } = await test.call('model.verify', {})
    assert.equal(output.ok, false)
    const verdicts = Object.fromEntries(output.models.map((model) => [model.name, model]))
    assert.equal(verdicts['b']?.ok, true)
    const bad = verdicts['a']?.files.filter(({ status }) => status !== 'ok')
    assert.deepEqual(
      bad?.map(({ path, status, expected }) => [path, status, expected]),
      [['sub/m.echo', 'corrupt', file.digest]],
    )
    assert.notEqual(bad?.[0]?.found, file.digest)
    // The shared file is hashed once.
    assert.equal(events.filter(({ path, hashedBytes, totalBytes }) => path === 'shared.txt' && hashedBytes === totalBytes).length, 1)
    assert.equal((await test.call('model.verify', { model: 'b' })).output.ok, true)
    assert.equal(await codeOf(test.call('model.verify', { model: 'none' })), 'model/not-found')
  })

  it('names a file that is missing', async () => {
    await using test = await withModels('a')
    const file = test.registry.get('a').files[0]
    assert.ok(file)
    await rm(test.store.blobs.path(file.digest))
    const { output } = await test.call('model.verify', { model: 'a' })
    assert.deepEqual(output.models[0]?.files[0], { path: file.path, status: 'missing', expected: file.digest, found: null })
  })

  it('finds a flipped bit anywhere in the record', async () => {
    await using test = await withModels('a')
    const row = JSON.stringify(test.registry.get('a') satisfies InstalledModel).length
    for (const at of [0, 17, Math.floor(row / 2), row - 1]) {
      await tamper(test, `update records set value = substr(value, 1, ${at}) || '~' || substr(value, ${at + 2}) where key = 'a'`)
      const { output } = await test.call('model.verify', {})
      assert.deepEqual(
        output.models.map(({ name, ok, record }) => [name, ok, record]),
        [['a', false, 'corrupt']],
      )
    }
  })

  it('stops when it is cancelled', async () => {
    await using test = await withModels('a')
    assert.equal(await codeOf(test.call('model.verify', {}, { signal: AbortSignal.abort() })), 'call/cancelled')
  })
})

describe('model.remove', () => {
  it('frees the bytes that no other model uses, and tells how many', async () => {
    await using test = await withModels('a', 'bb')
    const { output } = await test.call('model.remove', { model: 'a' })
    assert.deepEqual(output, { name: 'a', freedBytes: 'weights of a'.length, aliases: [] })
    await test.idle()
    assert.equal((await test.leftovers()).blobs, 2)
    assert.deepEqual(test.emitted.at(-1)?.name, 'model.removed')
    await test.call('model.remove', { model: 'bb' })
    await test.idle()
    assert.equal((await test.leftovers()).blobs, 0)
    assert.equal(await codeOf(test.call('model.remove', { model: 'a' })), 'model/not-found')
  })

  it('unloads an idle model, and refuses a busy one', async () => {
    await using test = await withModels('a')
    test.running.loaded.add('a')
    test.running.busy.add('a')
    assert.equal(await codeOf(test.call('model.remove', { model: 'a' })), 'model/in-use')
    test.running.busy.delete('a')
    await test.call('model.remove', { model: 'a' })
    assert.deepEqual(test.running.unloaded, ['a'])
  })

  it('is refused when a call begins while the model is being unloaded', async () => {
    await using test = await withModels('a')
    test.running.loaded.add('a')
    test.running.unload = async () => test.running.busy.add('a') && true
    assert.equal(await codeOf(test.call('model.remove', { model: 'a' })), 'model/in-use')
    assert.equal(test.registry.get('a').name, 'a')
  })
})
