// What a model's versions and names are to those who call it, in a real daemon with real engine processes.
import assert from 'node:assert/strict'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Soma } from '@soma/sdk'
import { outputOf, refused, temporaryFolder, until } from './attack.ts'
import { TestDaemon, echoModel } from './daemon.ts'

/** A version of the model takes one kind of input, so that an answer tells which one gave it. */
const versionOf = (dtype: string): string => {
  const ports = [{ name: dtype, dtype, shape: null, optional: true }]
  return JSON.stringify({
    signature: { inputs: [...ports, { name: 'do', dtype: 'string', shape: [1], optional: true }], outputs: ports },
  })
}
const int8 = { name: 'int8', dtype: 'int8', values: [1] } as const
const int16 = { name: 'int16', dtype: 'int16', values: [1] } as const

describe('versions of a model', () => {
  let daemon: TestDaemon
  let soma: Soma
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let model: string

  before(async () => {
    folder = await temporaryFolder()
    daemon = await TestDaemon.start()
    soma = await daemon.connect()
    model = join(folder.path, 'model')
    const reference = await echoModel(model)
    await writeFile(join(model, 'model.echo'), versionOf('int8'))
    await outputOf(soma.model.install({ reference, name: 'm' }))
    await soma.model.alias({ alias: 'alias', model: 'm' })
  })

  after(async () => {
    await soma?.[Symbol.asyncDispose]()
    await daemon?.[Symbol.asyncDispose]()
    await folder?.[Symbol.asyncDispose]()
  })

  test('a call that runs is finished by the version it began with, and the next one has the new version', async () => {
    const slow = soma.model.infer({ model: 'm', inputs: [int8, { name: 'do', dtype: 'string', values: ['{"delayMs": 1500}'] }] })
    await until(async () => (await soma.system.status()).processes.some(({ state }) => state === 'busy'), 'the model is busy')
    await writeFile(join(model, 'model.echo'), versionOf('int16'))
    const { changes } = await outputOf(soma.model.update({ model: 'm' }))
    assert.deepEqual(
      changes?.files.map(({ path, change }) => [path, change]),
      [['model.echo', 'changed']],
    )
    await soma.model.collect({ versions: true, partials: true })
    assert.equal((await soma.model.infer({ model: 'm', inputs: [int16] })).outputs[0]?.name, 'int16')
    assert.equal((await slow).outputs[0]?.name, 'int8')
    await refused(soma.model.infer({ model: 'm', inputs: [int8] }), 'model/input-mismatch', /int8/)
  })

  test('an alias is as good as the name, and going back is felt under both', async () => {
    await writeFile(join(model, 'model.echo'), versionOf('int8'))
    await outputOf(soma.model.update({ model: 'alias' }))
    assert.equal((await soma.model.infer({ model: 'alias', inputs: [int8] })).outputs[0]?.name, 'int8')
    await soma.model.rollback({ model: 'alias' })
    assert.equal((await soma.model.infer({ model: 'm', inputs: [int16] })).outputs[0]?.name, 'int16')
    assert.equal((await soma.model.unload({ model: 'alias' })).wasLoaded, true)
    const { models } = await soma.model.list()
    assert.deepEqual(
      models.map(({ name, aliases, loaded }) => [name, aliases, loaded]),
      [['m', ['alias'], false]],
    )
  })

  test('all of it is there after the daemon was killed', async () => {
    const before = await soma.model.show({ model: 'm' })
    assert.equal(before.versions.length, 1)
    await soma[Symbol.asyncDispose]()
    await daemon.kill()
    await daemon.start()
    soma = await daemon.connect()
    const { model: summary, versions } = await soma.model.show({ model: 'alias' })
    assert.deepEqual([summary.digest, summary.aliases, versions], [before.model.digest, ['alias'], before.versions])
  })

  test('a damaged file is fetched again, and the model answers as before', async () => {
    const { files } = await soma.model.show({ model: 'm' })
    const config = files.find(({ path }) => path === 'config.json')
    const hex = config?.digest.slice('sha256:'.length) ?? ''
    const blob = join(daemon.home, 'blobs', 'sha256', hex.slice(0, 2), hex)
    await chmod(blob, 0o600)
    await writeFile(
      blob,
      (await readFile(blob)).map((byte) => byte ^ 1),
    )
    const { ok, models } = await outputOf(soma.model.verify({ repair: true }))
    assert.deepEqual([ok, models[0]?.files.filter(({ status }) => status !== 'ok').map(({ status }) => status)], [true, ['repaired']])
    assert.equal((await soma.model.infer({ model: 'm', inputs: [int16] })).outputs.length, 1)
    assert.equal((await outputOf(soma.model.verify({}))).ok, true)
  })

  test('removing the model leaves nothing of it', async () => {
    const { aliases } = await soma.model.remove({ model: 'm' })
    assert.deepEqual(aliases, ['alias'])
    await until(async () => (await soma.model.usage()).blobBytes === 0, 'its files are gone')
    await refused(soma.model.infer({ model: 'alias', inputs: [int8] }), 'model/not-found', /no model "alias"/)
  })
})
