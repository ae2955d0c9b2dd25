import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { type TestContext, test } from 'node:test'
import { createSeededRng, silentLog } from '@soma/core'
import { createHttpFetch, systemClock as clock } from '@soma/host'
import { createOciSource } from '@soma/source-oci'
import type { Source } from '@soma/spec'
import { startDockerRegistry } from '@soma/testkit/server'
import { Machine } from './test-exchange.ts'

/** A source of its own for each machine: they share nothing but the registry. */
function ociSource(t: TestContext): Source {
  const fetch = createHttpFetch({ env: {}, log: silentLog, clock, userAgent: 'soma/test' })
  t.after(() => fetch[Symbol.asyncDispose]())
  return createOciSource({ fetch, clock, rng: createSeededRng(3), log: silentLog, env: {}, memoryBytes: 1e9, formats: [] })
}

test('a signed model that was published to a real registry installs elsewhere under the policy enforce, and is not sent twice', async (t) => {
  const registry = await startDockerRegistry(t)
  if (!registry) return
  await using publisher = await Machine.create([ociSource(t)])
  await using other = await Machine.create([ociSource(t)])
  const { model } = await publisher.install('m', { 'README.md': '# m', 'tokens.txt': randomBytes(5 * 1024 * 1024) })
  const { publicPem } = await publisher.calls.call('key.create', { name: 'publisher' })
  await publisher.calls.call('model.sign', { model: 'm', key: 'publisher' })
  const reference = `oci/${registry.host}/team/m:1`
  const { output: first } = await publisher.run('model.publish', { model: 'm', reference })
  const { output: again } = await publisher.run('model.publish', { model: 'm', reference })
  assert.deepEqual([again.reference, again.digest, again.sentBytes], [first.reference, first.digest, 0])

  Object.assign(other.config.install, { signatures: 'enforce' })
  await assert.rejects(other.run('model.install', { reference }), { code: 'package/unsigned' })
  await other.calls.call('key.import', { name: 'them', publicPem })
  const { output } = await other.run('model.install', { reference: first.reference, name: 'got' })
  assert.equal(output.model.digest, model.digest)
  const { signers } = await other.calls.call('model.show', { model: 'got' })
  assert.deepEqual(
    signers.map(({ name, trusted }) => [name, trusted]),
    [
      ['them', true],
      ['them', true],
    ],
  )
  assert.equal((await other.run('model.verify', { model: 'got' })).output.models[0]?.signature, 'ok')
})
