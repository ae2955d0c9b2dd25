import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { SomaError } from '@soma/core'
import { createReplicateSource } from '@soma/source-replicate'
import { createFaultyServer, replicateApi } from '@soma/testkit/server'
import { createTestSource } from '@soma/testkit/source'
import { TestInstall } from './test-install.ts'

const version = 'a'.repeat(64)

it('a model that runs on other people’s machines is refused until install.cloud allows it', async () => {
  await using server = await createFaultyServer(
    replicateApi({ 'maker/hello': { versions: { [version]: { Input: {}, Output: {} } } } }, 'r8_x'),
  )
  await using client = createTestSource(createReplicateSource, { REPLICATE_API_BASE_URL: server.origin, REPLICATE_API_TOKEN: 'r8_x' })
  await using test = await TestInstall.create({ sources: [client.source] })
  await assert.rejects(test.install('replicate/maker/hello'), (thrown: SomaError) => {
    assert.equal(thrown.code, 'source/unsupported')
    assert.match(thrown.message, /soma config set install\.cloud true/)
    return true
  })
  assert.equal(test.registry.list().length, 0)
  test.cloud = true
  const { output } = await test.install('replicate/maker/hello')
  assert.equal(output.model.reference, `replicate/maker/hello@${version}`)
  const { files } = test.registry.get('hello')
  assert.deepEqual(
    files.map(({ path }) => path),
    ['replicate.json'],
  )
})
