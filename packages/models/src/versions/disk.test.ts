import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { SomaError } from '@soma/core'
import { TestInstall, codeOf } from '../install/test-install.ts'
import { OUTDATED_TIMEOUT_MS } from './limits.ts'

function serve(test: TestInstall, name: string, version: number, files: Record<string, string> = {}): void {
  const more = { reference: `test/${name}@${version}.0.0`, version: `${version}.0.0` }
  test.source.serve(name, { 'm.echo': `weights ${version} of ${name}`, 'shared.txt': 'the same in all', ...files }, more)
}

async function withModels(...names: string[]): Promise<TestInstall> {
  const test = await TestInstall.create()
  for (const name of names) {
    serve(test, name, 1)
    await test.install(`test/${name}`)
  }
  return test
}

describe('model.usage', () => {
  it('counts each blob once, and says who shares what', async () => {
    await using test = await withModels('a', 'b')
    serve(test, 'a', 2)
    await test.call('model.update', { model: 'a' })
    test.freeBytes = 12345
    const { output } = await test.call('model.usage', {})
    assert.deepEqual(
      output.models.map(({ name, version, previous, sizeBytes, ownBytes, sharedWith }) => [
        name,
        version,
        previous,
        sizeBytes,
        ownBytes,
        sharedWith,
      ]),
      [
        ['a', '2.0.0', false, 29, 28, [{ name: 'b', sizeBytes: 15 }]],
        ['a', '1.0.0', true, 29, 14, [{ name: 'b', sizeBytes: 15 }]],
        ['b', '1.0.0', false, 29, 14, [{ name: 'a', sizeBytes: 15 }]],
      ],
    )
    assert.deepEqual([output.blobBytes, output.packageBytes, output.freeBytes], [14 * 3 + 15, 29 * 3, 12345])
  })

  it('lists only what the caller may see, and gives everybody the totals', async () => {
    await using test = await withModels('a', 'b')
    const { output } = await test.call('model.usage', {}, { allows: (resource) => resource === 'model/b' })
    assert.deepEqual(
      output.models.map(({ name, sharedWith }) => [name, sharedWith]),
      [['b', []]],
    )
    assert.equal(output.blobBytes, 14 * 2 + 15)
  })

  it('counts what nothing uses, and unfinished downloads', async () => {
    await using test = await withModels('a')
    await test.store.blobs.write([Buffer.from('nobody needs it')])
    serve(test, 'b', 1)
    test.source.fail(
      'b!m.echo',
      { cutAfter: 5 },
      ...Array.from({ length: 9 }, () => ({ error: new SomaError('source/not-found', 'gone') })),
    )
    assert.equal(await codeOf(test.install('test/b')), 'source/not-found')
    await test.idle()
    await test.store.blobs.write([Buffer.from('nobody needs it')])
    const { output } = await test.call('model.usage', {})
    assert.equal(output.unusedBytes, 15)
    assert.ok(output.partialBytes >= 5, `${output.partialBytes}`)
  })
})

describe('a damaged record', () => {
  it('keeps nobody from seeing what the disk is used for, and everything from being collected', async () => {
    await using test = await withModels('a', 'b')
    await test.store.blobs.write([Buffer.from('nobody needs it')])
    await test.close()
    const database = new DatabaseSync(join(test.directory, 'soma.sqlite'))
    database.exec(`update records set blobs = '[]' where key = 'a'`)
    database.close()
    await test.open()
    const { output } = await test.call('model.usage', {})
    assert.deepEqual([output.models.map(({ name }) => name), output.unusedBytes], [['b'], 0])
    assert.equal(await codeOf(test.call('model.collect', {})), 'store/corrupt')
    await test.call('model.remove', { model: 'a' })
    await test.idle()
    assert.deepEqual((await test.call('model.usage', {})).output.blobBytes, 14 + 15)
  })
})

describe('model.collect', () => {
  it('says in a dry run what it then frees', async () => {
    await using test = await withModels('a', 'b')
    serve(test, 'a', 2)
    await test.call('model.update', { model: 'a' })
    await test.idle()
    await test.store.blobs.write([Buffer.from('nobody needs it')])
    const before = test.store.blobs.usage().sizeBytes
    const foreseen = await test.call('model.collect', { dryRun: true, versions: true })
    assert.deepEqual([foreseen.output.freedBytes, foreseen.output.blobs], [14 + 15, 2])
    assert.equal(test.store.blobs.usage().sizeBytes, before)
    assert.equal(test.registry.versions.of('a').length, 1)
    const { output } = await test.call('model.collect', { versions: true })
    await test.idle()
    assert.deepEqual(output, foreseen.output)
    assert.deepEqual(
      output.versions.map(({ name, version }) => [name, version]),
      [['a', '1.0.0']],
    )
    assert.equal(test.store.blobs.usage().sizeBytes, before - output.freedBytes)
    assert.equal(test.registry.versions.of('a').length, 0)
  })

  it('leaves earlier versions where they are unless asked to', async () => {
    await using test = await withModels('a')
    serve(test, 'a', 2)
    await test.call('model.update', { model: 'a' })
    const { output } = await test.call('model.collect', {})
    await test.idle()
    assert.deepEqual(output, { freedBytes: 0, blobs: 0, versions: [] })
    assert.equal((await test.call('model.rollback', { model: 'a' })).output.to, '1.0.0')
  })

  it('leaves an earlier version that an engine still has open', async () => {
    await using test = await withModels('a')
    const open = await test.registry.open(test.registry.get('a'))
    serve(test, 'a', 2)
    await test.call('model.update', { model: 'a' })
    assert.deepEqual((await test.call('model.collect', { versions: true })).output.versions, [])
    await open[Symbol.asyncDispose]()
    assert.equal((await test.call('model.collect', { versions: true })).output.versions.length, 1)
  })

  it('removes unfinished downloads of today only when asked to', async () => {
    await using test = await TestInstall.create()
    await writeFile(join(test.directory, 'partials', `${'0'.repeat(64)}.part`), 'half of it')
    assert.equal((await test.call('model.collect', { dryRun: true })).output.freedBytes, 0)
    assert.equal((await test.call('model.collect', { partials: true })).output.freedBytes, 10)
    await test.idle()
    assert.equal((await test.leftovers()).partials, 0)
  })

  it('removes records of earlier versions that are damaged', async () => {
    await using test = await withModels('a')
    test.store.commit({ writes: [{ action: 'put', kind: 'package-version', key: `a#sha256:${'0'.repeat(64)}`, value: { model: {} } }] })
    await test.reopen()
    assert.equal(test.registry.get('a').version, '1.0.0')
    await test.call('model.collect', { versions: true })
    await test.idle()
    assert.deepEqual(test.store.records.list('package-version'), [])
  })
})

describe('model.outdated', () => {
  it('names the models whose reference means something newer', async () => {
    await using test = await withModels('a', 'b')
    serve(test, 'a', 2)
    await test.call('model.pin', { model: 'a' })
    const { output } = await test.call('model.outdated', {})
    assert.deepEqual(output, {
      models: [
        {
          name: 'a',
          version: '1.0.0',
          reference: 'test/a@1.0.0',
          available: { version: '2.0.0', reference: 'test/a@2.0.0', sizeBytes: 29 },
          pinned: true,
          error: null,
        },
      ],
      checked: 2,
    })
    assert.equal((await test.call('model.outdated', { model: 'b' })).output.checked, 1)
  })

  it('says of a source that fails why, and asks the others', async () => {
    await using test = await withModels('a', 'b')
    serve(test, 'b', 2)
    test.source.resolveFaults.push(new SomaError('source/unavailable', 'nobody there'))
    const { output } = await test.call('model.outdated', {})
    assert.deepEqual(
      output.models.map(({ name, error, available }) => [name, error, available?.version]),
      [
        ['a', 'nobody there', undefined],
        ['b', null, '2.0.0'],
      ],
    )
    assert.deepEqual(test.sleeps, [])
  })

  it('does not wait for ever for a source that never answers', async () => {
    await using test = await withModels('a')
    test.source.resolve = () => Promise.withResolvers<never>().promise
    test.timersAtOnce = true
    const { output } = await test.call('model.outdated', {})
    assert.match(output.models[0]?.error ?? '', new RegExp(`did not answer in ${OUTDATED_TIMEOUT_MS / 1000} s`))
  })

  it('is refused offline', async () => {
    await using test = await withModels('a')
    test.offline = true
    assert.equal(await codeOf(test.call('model.outdated', {})), 'source/offline')
  })
})
