import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { describe, it } from 'node:test'
import type { CallOutput } from '@soma/spec'
import { TestInstall, codeOf } from '../install/test-install.ts'

/** Serves a version of `test/<name>`: its weights and a file that all versions share. */
function serve(test: TestInstall, name: string, version: number, more: { readonly licence?: string } = {}): void {
  test.source.serve(
    name,
    { 'm.echo': `weights ${version} of ${name}`, 'shared.txt': 'the same in all' },
    { reference: `test/${name}@${version}.0.0`, version: `${version}.0.0`, ...more },
  )
}

async function withModel(name = 'a', options: { readonly keepVersions?: number } = {}): Promise<TestInstall> {
  const test = await TestInstall.create()
  test.keepVersions = options.keepVersions ?? 1
  serve(test, name, 1)
  await test.install(`test/${name}`)
  return test
}

async function update(test: TestInstall, version: number, name = 'a'): Promise<CallOutput<'model.update'>> {
  serve(test, name, version)
  return (await test.call('model.update', { model: name })).output
}

function versionsOf(test: TestInstall, name = 'a'): string[] {
  return test.registry.versions.of(name).map(({ model }) => model.version)
}

describe('model.update', () => {
  it('installs what the reference means now, says what changed, and keeps the old version', async () => {
    await using test = await withModel()
    const { changes, model } = await update(test, 2)
    assert.equal(model.version, '2.0.0')
    assert.deepEqual(changes, {
      versionBefore: '1.0.0',
      versionAfter: '2.0.0',
      referenceAfter: 'test/a@2.0.0',
      licenceBefore: null,
      licenceAfter: null,
      sizeBytesBefore: 29,
      sizeBytesAfter: 29,
      fetchBytes: 14,
      files: [{ path: 'm.echo', change: 'changed', sizeBytesBefore: 14, sizeBytesAfter: 14 }],
    })
    assert.deepEqual(versionsOf(test), ['1.0.0'])
    await test.idle()
    assert.deepEqual(test.running.unloaded, ['a'])
    assert.equal((await test.leftovers()).blobs, 3)
    const shown = await test.call('model.show', { model: 'a' })
    assert.deepEqual(
      shown.output.versions.map(({ version, reference }) => [version, reference]),
      [['1.0.0', 'test/a@1.0.0']],
    )
  })

  it('changes nothing when the model is up to date', async () => {
    await using test = await withModel()
    const { output } = await test.call('model.update', { model: 'a' })
    assert.equal(output.changes, null)
    assert.deepEqual(versionsOf(test), [])
  })

  it('only says what would change in a dry run, and fetches nothing for it', async () => {
    await using test = await withModel()
    const before = test.source.sentBytes
    test.source.serve(
      'a',
      { 'm.echo': 'longer weights of version 2', 'new.txt': 'new', 'x.py': 'no model needs it' },
      { reference: 'test/a@2', version: '2', licence: 'MIT' },
    )
    const { output, events } = await test.call('model.update', { model: 'a', dryRun: true })
    assert.deepEqual(
      output.changes?.files.map(({ path, change, sizeBytesAfter }) => [path, change, sizeBytesAfter]),
      [
        ['m.echo', 'changed', 27],
        ['new.txt', 'added', 3],
        ['shared.txt', 'removed', null],
      ],
    )
    assert.deepEqual([output.changes.sizeBytesAfter, output.changes.fetchBytes], [30, 30])
    assert.equal(test.source.sentBytes, before)
    assert.equal(test.registry.get('a').version, '1.0.0')
    assert.deepEqual(
      events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])),
      ['the licence of a changes from none that is stated to MIT'],
    )
  })

  it('says exactly after a real update what a dry run said before', async () => {
    await using test = await withModel()
    serve(test, 'a', 2, { licence: 'MIT' })
    const foreseen = await test.call('model.update', { model: 'a', dryRun: true })
    const { output, events } = await test.call('model.update', { model: 'a' })
    assert.deepEqual(output.changes, foreseen.output.changes)
    assert.ok(events.some((event) => event.type === 'warning'))
  })

  it('follows another reference from then on when one is given', async () => {
    await using test = await withModel()
    serve(test, 'b', 7)
    const { output } = await test.call('model.update', { model: 'a', to: 'test/b' })
    assert.deepEqual([output.model.name, output.model.version, output.model.reference], ['a', '7.0.0', 'test/b@7.0.0'])
    assert.equal(test.registry.get('a').wanted, 'test/b')
    assert.equal((await update(test, 8, 'b').catch(() => undefined))?.model, undefined)
    serve(test, 'b', 9)
    assert.equal((await test.call('model.update', { model: 'a' })).output.model.version, '9.0.0')
  })

  it('does not undo what was done to the model while the source was asked', async () => {
    await using test = await withModel()
    const resolve = test.source.resolve.bind(test.source)
    test.source.resolve = async (...asked) => {
      const resolution = await resolve(...asked)
      await test.call('model.pin', { model: 'a' })
      return resolution
    }
    assert.equal(await codeOf(test.call('model.update', { model: 'a', to: 'test/a@1.0.0' })), 'model/in-use')
    assert.equal(test.registry.get('a').pinned, true)
  })

  it('keeps the files that the model was installed with', async () => {
    await using test = await TestInstall.create()
    const files = (version: number) => ({ 'x/m.echo': `x${version}`, 'y/m.echo': `y${version}` })
    test.source.serve('a', files(1))
    await test.install('test/a', { include: ['x/**'] })
    test.source.serve('a', files(2), { reference: 'test/a@2', version: '2' })
    const { output } = await test.call('model.update', { model: 'a' })
    assert.deepEqual(
      output.changes?.files.map(({ path }) => path),
      ['x/m.echo'],
    )
  })

  it('is refused for a file of this machine when the caller may not read those', async () => {
    await using test = await withModel()
    const model = test.registry.get('a')
    test.registry.apply({ ...model, wanted: 'file/etc/a' })
    const allows = (resource: string): boolean => resource !== 'host/files'
    assert.equal(await codeOf(test.call('model.update', { model: 'a' }, { allows })), 'capability/denied')
    const { output } = await test.call('model.outdated', {}, { allows })
    assert.match(output.models[0]?.error ?? '', /may not read host.files/)
  })

  it('leaves everything as it was when the commit fails', async () => {
    await using test = await withModel()
    serve(test, 'a', 2)
    await assert.rejects(test.call('model.update', { model: 'a' }, { failCommit: new Error('full') }))
    await test.idle()
    assert.equal(test.registry.get('a').version, '1.0.0')
    assert.deepEqual(versionsOf(test), [])
    assert.equal((await test.leftovers()).blobs, 2)
  })

  it('does not bring back a model that was removed meanwhile', async () => {
    await using test = await withModel()
    serve(test, 'a', 2)
    const onEvent = async ({ type }: { type: string }): Promise<void> => {
      if (type === 'resolved') await test.call('model.remove', { model: 'a' })
    }
    assert.equal(await codeOf(test.call('model.update', { model: 'a' }, { onEvent })), 'model/not-found')
    assert.equal(test.registry.has('a'), false)
  })
})

describe('earlier versions', () => {
  it('are kept up to the limit, and the oldest goes with its blobs', async () => {
    await using test = await withModel('a', { keepVersions: 2 })
    for (const version of [2, 3, 4]) await update(test, version)
    assert.deepEqual(versionsOf(test), ['3.0.0', '2.0.0'])
    await test.idle()
    assert.equal((await test.leftovers()).blobs, 4)
    await test.reopen()
    assert.deepEqual(versionsOf(test), ['3.0.0', '2.0.0'])
  })

  it('are not kept when none are to be', async () => {
    await using test = await withModel('a', { keepVersions: 0 })
    await update(test, 2)
    await test.idle()
    assert.deepEqual(versionsOf(test), [])
    assert.equal((await test.leftovers()).blobs, 2)
    assert.equal(await codeOf(test.call('model.rollback', { model: 'a' })), 'model/no-version')
  })

  it('are kept of a model that an install replaces, too', async () => {
    await using test = await withModel()
    serve(test, 'b', 5)
    await test.install('test/b', { name: 'a', replace: true })
    assert.deepEqual(versionsOf(test), ['1.0.0'])
  })

  it('leave no copy when the same version comes back', async () => {
    await using test = await withModel('a', { keepVersions: 5 })
    for (const version of [2, 1, 2, 1]) await update(test, version)
    assert.deepEqual(versionsOf(test), ['2.0.0'])
  })

  it('stay on the disk while an engine has their files open, whatever is collected', async () => {
    await using test = await withModel('a', { keepVersions: 0 })
    const open = await test.registry.open(test.registry.get('a'))
    await update(test, 2)
    await test.call('model.collect', { versions: true, partials: true })
    await test.idle()
    assert.equal((await test.leftovers()).blobs, 3)
    await open[Symbol.asyncDispose]()
    assert.equal((await test.leftovers()).blobs, 2)
  })

  it('go with their model', async () => {
    await using test = await withModel()
    await update(test, 2)
    await test.idle()
    const { output } = await test.call('model.remove', { model: 'a' })
    assert.equal(output.freedBytes, 14 + 14 + 15)
    await test.idle()
    assert.equal((await test.leftovers()).blobs, 0)
    await test.reopen()
    assert.deepEqual(versionsOf(test), [])
  })

  it('that lack a file are not kept, and replacing works all the same', async () => {
    await using test = await withModel()
    const file = test.registry.get('a').files.find(({ path }) => path === 'm.echo')
    assert.ok(file)
    await rm(test.store.blobs.path(file.digest))
    await update(test, 2)
    assert.deepEqual(versionsOf(test), [])
  })
})

describe('model.rollback', () => {
  it('goes back, and back again', async () => {
    await using test = await withModel()
    await update(test, 2)
    const { output } = await test.call('model.rollback', { model: 'a' })
    assert.deepEqual([output.from, output.to, output.model.version], ['2.0.0', '1.0.0', '1.0.0'])
    assert.deepEqual(versionsOf(test), ['2.0.0'])
    await test.reopen()
    assert.equal((await test.call('model.rollback', { model: 'a' })).output.to, '2.0.0')
    await test.idle()
    assert.deepEqual(test.running.unloaded, ['a', 'a', 'a'])
  })

  it('takes the version with the digest asked for, and drops none', async () => {
    await using test = await withModel('a', { keepVersions: 2 })
    const { digest } = test.registry.get('a')
    await update(test, 2)
    await update(test, 3)
    test.keepVersions = 0
    assert.equal((await test.call('model.rollback', { model: 'a', digest })).output.to, '1.0.0')
    assert.deepEqual(versionsOf(test), ['3.0.0', '2.0.0'])
    assert.equal(await codeOf(test.call('model.rollback', { model: 'a', digest })), 'model/no-version')
  })

  it('is refused when a file of that version is missing', async () => {
    await using test = await withModel()
    await update(test, 2)
    const file = test.registry.versions.of('a')[0]?.model.files.find(({ path }) => path === 'm.echo')
    assert.ok(file)
    await rm(test.store.blobs.path(file.digest))
    assert.equal(await codeOf(test.call('model.rollback', { model: 'a' })), 'package/corrupt')
    assert.equal(test.registry.get('a').version, '2.0.0')
  })
})

describe('model.pin', () => {
  it('keeps a model from being updated, replaced or rolled back until it is taken away', async () => {
    await using test = await withModel()
    await update(test, 2)
    assert.equal((await test.call('model.pin', { model: 'a' })).output.model.pinned, true)
    await test.reopen()
    serve(test, 'a', 3)
    const attempts = [
      test.call('model.update', { model: 'a' }),
      test.install('test/a', { replace: true }),
      test.call('model.rollback', { model: 'a' }),
    ]
    assert.deepEqual(await Promise.all(attempts.map(codeOf)), ['model/pinned', 'model/pinned', 'model/pinned'])
    await test.call('model.pin', { model: 'a', pinned: false })
    assert.equal((await test.call('model.update', { model: 'a' })).output.model.version, '3.0.0')
  })

  it('counts also when it comes while an update is under way', async () => {
    await using test = await withModel()
    serve(test, 'a', 2)
    const onEvent = async ({ type }: { type: string }): Promise<void> => {
      if (type === 'resolved') await test.call('model.pin', { model: 'a' })
    }
    assert.equal(await codeOf(test.call('model.update', { model: 'a' }, { onEvent })), 'model/pinned')
    assert.equal(test.registry.get('a').version, '1.0.0')
  })
})

describe('model.alias', () => {
  it('gives a second name that works wherever a model is named', async () => {
    await using test = await withModel()
    await test.call('model.alias', { alias: 'chat', model: 'a' })
    await test.reopen()
    assert.equal(test.registry.get('chat').name, 'a')
    assert.deepEqual((await test.call('model.list', {})).output.models[0]?.aliases, ['chat'])
    assert.equal((await test.call('model.show', { model: 'chat' })).output.model.name, 'a')
    assert.deepEqual(
      (await test.call('model.verify', { model: 'chat' })).output.models.map(({ name, ok }) => [name, ok]),
      [['a', true]],
    )
    assert.equal((await test.call('model.pin', { model: 'chat', pinned: true })).output.model.name, 'a')
  })

  it('moves from one model to another, and goes', async () => {
    await using test = await withModel()
    serve(test, 'b', 1)
    await test.install('test/b')
    await test.call('model.alias', { alias: 'chat', model: 'a' })
    const moved = await test.call('model.alias', { alias: 'chat', model: 'b' })
    assert.deepEqual(moved.output, { alias: 'chat', model: 'b', before: 'a' })
    // An alias of an alias is one of the model.
    await test.call('model.alias', { alias: 'talk', model: 'chat' })
    await test.call('model.alias', { alias: 'chat', model: null })
    assert.equal(test.registry.get('talk').name, 'b')
    assert.equal(await codeOf(test.call('model.alias', { alias: 'chat', model: null })), 'model/not-found')
  })

  it('never has the name of a model, nor a model that of an alias', async () => {
    await using test = await withModel()
    serve(test, 'b', 1)
    assert.equal(await codeOf(test.call('model.alias', { alias: 'a', model: 'a' })), 'model/exists')
    await test.call('model.alias', { alias: 'b', model: 'a' })
    assert.equal(await codeOf(test.install('test/b', { replace: true })), 'model/exists')
    assert.equal(await codeOf(test.call('model.alias', { alias: 'c', model: 'none' })), 'model/not-found')
  })

  it('goes alone when it is removed, and with its model', async () => {
    await using test = await withModel()
    for (const alias of ['x', 'y', 'z']) await test.call('model.alias', { alias, model: 'a' })
    assert.deepEqual((await test.call('model.remove', { model: 'x' })).output, { name: 'x', freedBytes: 0, aliases: [] })
    assert.equal(test.registry.get('a').name, 'a')
    assert.deepEqual((await test.call('model.remove', { model: 'a' })).output.aliases, ['y', 'z'])
    await test.reopen()
    assert.deepEqual([...test.registry.aliases.names()], [])
  })
})
