import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, it } from 'node:test'
import type { SomaError } from '@soma/core'
import { createFileSource } from '@soma/source-file'
import { createUrlSource } from '@soma/source-url'
import { arithmeticModel } from '@soma/testkit/onnx'
import { createFaultyServer, tarGzOf } from '@soma/testkit/server'
import { createTestSource } from '@soma/testkit/source'
import { TestInstall } from './test-install.ts'

const archive = tarGzOf({ 'model.onnx': arithmeticModel() })
const sha256 = createHash('sha256').update(archive).digest('hex')
const manifest = (url: string, hash = sha256) => `apiVersion: v1
kind: Model
metadata: { name: sums, namespace: nlp, version: 1.0.0, license: mit, description: adds }
spec: { format: { type: onnx, files: [] } }
distribution: { package: { url: "${url}", size: 1, sha256: ${hash} } }
`

async function place(t: TestContext, files: Readonly<Record<string, string | Uint8Array>>) {
  const server = await createFaultyServer(Object.fromEntries(Object.entries(files).map(([path, body]) => [path, { body }])))
  t.after(() => server[Symbol.asyncDispose]())
  const clients = [createTestSource(createUrlSource), createTestSource(createFileSource)]
  for (const client of clients) t.after(() => client[Symbol.asyncDispose]())
  const test = await TestInstall.create({ sources: clients.map(({ source }) => source) })
  t.after(() => test[Symbol.asyncDispose]())
  return { server, test }
}

it('a manifest at an address is followed to its archive, whose hash is checked', async (t) => {
  const { server, test } = await place(t, { '/models/manifest.yaml': manifest('../packages/sums.axon'), '/packages/sums.axon': archive })
  const { output } = await test.install(`url/${server.origin}/models/manifest.yaml`)
  assert.equal(output.model.reference, `url/${server.origin}/packages/sums.axon#sha256=${sha256}`)
  assert.equal(output.model.name, 'sums')
  assert.equal(output.model.licence, 'MIT')
  server.serve({ '/models/manifest.yaml': { body: manifest('../packages/sums.axon', 'a'.repeat(64)) } })
  await assert.rejects(test.install(`url/${server.origin}/models/manifest.yaml`, { name: 'other' }), { code: 'package/hash-mismatch' })
})

it('a manifest on disk does not reach the network, and says what to install instead', async (t) => {
  const { server, test } = await place(t, { '/sums.axon': archive })
  const folder = await mkdtemp(join(tmpdir(), 'soma-manifest-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'manifest.yaml'), manifest(`${server.origin}/sums.axon`))
  await assert.rejects(test.install(`file/${folder}`), (thrown: SomaError) => {
    assert.equal(thrown.code, 'source/unsupported')
    assert.equal(thrown.details['instead'], `url/${server.origin}/sums.axon#sha256=${sha256}`)
    return true
  })
  assert.equal(server.requests.length, 0)
})

it('what is no such manifest is left as it is', async (t) => {
  const without = 'apiVersion: v1\nkind: Model\nmetadata: { name: x }\nspec: { format: { type: onnx } }\n'
  for (const body of ['kind: Pod', '[', without, manifest('http://['), 'x'.repeat(300_000)]) {
    const { server, test } = await place(t, { '/manifest.yaml': body })
    await assert.rejects(
      test.install(`url/${server.origin}/manifest.yaml`),
      (thrown: SomaError) => thrown.code.startsWith('package/'),
      body.slice(0, 40),
    )
    assert.ok(server.requests.every(({ path }) => path === '/manifest.yaml'))
  }
})
