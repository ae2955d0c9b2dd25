import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { SomaError } from '@soma/core'
import type { CallInput, Calls, OutgoingPackage, PublishOptions, SearchHit, Source } from '@soma/spec'
import { Machine } from './test-exchange.ts'

/** A source that only does what it is given. */
function source(scheme: string, more: Partial<Source>): Source {
  const no = (): never => {
    throw new SomaError('source/not-found', 'there is nothing')
  }
  return { sourceVersion: 1, scheme, title: scheme, example: `${scheme}/x`, resolve: async () => no(), download: async () => no(), ...more }
}

function hub(scheme: string, answer: (options: { readonly signal: AbortSignal }) => Promise<SearchHit[]>): Source {
  return source(scheme, { search: async (_query, options) => answer(options) })
}

const hit = (reference: string, more: Partial<SearchHit> = {}): SearchHit => ({
  reference,
  title: reference.slice(reference.indexOf('/') + 1),
  ...more,
})

describe('model.search', () => {
  it('merges what all sources found, and names those that failed', async () => {
    await using machine = await Machine.create([
      hub('one', async () => [hit('one/a/echo', { formats: ['echo'], sizeBytes: 10, downloads: 5 }), hit('one/m')]),
      hub('two', async () => Promise.reject(new SomaError('source/unavailable', 'two is down'))),
      hub('three', async () => Promise.reject(new TypeError('a bug'))),
      hub('four', async () => [hit('four/b/echo', { formats: ['coreml'], gated: true })]),
    ])
    await machine.install('m')
    const { hits, sources } = await machine.calls.call('model.search', { query: 'echo' })
    assert.deepEqual(
      hits.map(({ reference, runs, gated }) => [reference, runs, gated]),
      [
        ['one/a/echo', 'yes', false],
        ['four/b/echo', 'no', true],
        ['one/m', 'unknown', false],
      ],
    )
    assert.deepEqual(
      sources.map(({ source: scheme, hits: count, error }) => [scheme, count, error]),
      [
        ['one', 2, null],
        ['two', 0, 'two is down'],
        ['three', 0, 'a bug'],
        ['four', 1, null],
      ],
    )
    const limited = await machine.calls.call('model.search', { query: 'echo', limit: 1, sources: ['four', 'file'] })
    assert.deepEqual(
      limited.hits.map(({ source: scheme }) => scheme),
      ['four'],
    )
    assert.deepEqual(limited.sources.find(({ source: scheme }) => scheme === 'file')?.error, 'it cannot be searched')
    await assert.rejects(machine.calls.call('model.search', { query: 'x', sources: ['five'] }), {
      code: 'source/invalid-reference',
      message: /one, two, three, four/,
    })
  })

  it('says what is installed here, whatever version of it', async () => {
    await using machine = await Machine.create([hub('one', async () => [hit('test/m'), hit('test/other')])])
    await machine.install('m')
    await machine.run('model.install', { reference: 'test/m', name: 'second' })
    const { hits } = await machine.calls.call('model.search', { query: 'm' })
    assert.deepEqual(
      hits.map(({ reference, installed }) => [reference, installed]),
      [
        ['test/m', ['m', 'second']],
        ['test/other', []],
      ],
    )
  })

  it('says nothing of a source that nobody configured, unless it was named', async () => {
    const unset = (): Promise<never> => Promise.reject(new SomaError('source/not-configured', 'set UNSET_TOKEN'))
    await using machine = await Machine.create([hub('one', async () => [hit('one/m')]), hub('unset', unset)])
    const all = await machine.calls.call('model.search', { query: 'm' })
    assert.deepEqual(
      all.sources.map(({ source: scheme }) => scheme),
      ['one'],
    )
    const named = await machine.calls.call('model.search', { query: 'm', sources: ['one', 'unset'] })
    assert.deepEqual(
      named.sources.map(({ source: scheme, error }) => [scheme, error]),
      [
        ['one', null],
        ['unset', 'set UNSET_TOKEN'],
      ],
    )
  })

  it('asks only the sources that the caller may read, and none offline', async () => {
    const asked: string[] = []
    const asking = (scheme: string): Source =>
      hub(scheme, async () => {
        asked.push(scheme)
        return []
      })
    await using machine = await Machine.create([asking('one'), asking('two')])
    const calls = await restricted(machine, [{ resource: 'source/two', rights: ['read'] }])
    await calls.call('model.search', { query: 'x' })
    assert.deepEqual(asked, ['two'])
    Object.assign(machine.config.install, { offline: true })
    await assert.rejects(machine.calls.call('model.search', { query: 'x' }), { code: 'source/offline' })
    assert.deepEqual(asked, ['two'])
  })

  it('ends with the caller, also when a source does not', async () => {
    const stop = new AbortController()
    await using machine = await Machine.create([
      hub('deaf', async () => {
        stop.abort()
        return new Promise(() => undefined)
      }),
    ])
    await assert.rejects(machine.calls.call('model.search', { query: 'x' }, { signal: stop.signal }), { code: 'call/cancelled' })
  })
})

describe('model.info', () => {
  it('tells what a reference means, what of it is here, and fetches nothing', async () => {
    await using machine = await Machine.create()
    await machine.install('m', { 'README.md': 'text' })
    machine.source.serve(
      'next',
      { 'model.echo': '{}', 'more.txt': 'more', 'data.tar': { bytes: Buffer.from('x'), kind: 'tar' } },
      { warnings: ['It is old.'], licence: 'MIT' },
    )
    const before = machine.source.requests.length
    const info = await machine.calls.call('model.info', { reference: 'test/next' })
    assert.equal(machine.source.requests.length, before)
    assert.deepEqual(
      [info.reference, info.name, info.format, info.engines, info.licence],
      ['test/next@1.0.0', 'next', 'echo', ['echo'], 'MIT'],
    )
    assert.deepEqual([info.sizeBytes, info.storedBytes, info.warnings, info.installed], [7, 2, ['It is old.'], []])
    assert.deepEqual(
      info.files.map(({ path, stored }) => [path, stored]),
      [
        ['model.echo', true],
        ['more.txt', false],
        ['data.tar', false],
      ],
    )
    assert.deepEqual((await machine.calls.call('model.info', { reference: 'test/m' })).installed, ['m'])
    await assert.rejects(machine.calls.call('model.info', { reference: 'test/none' }), { code: 'source/not-found' })
    await assert.rejects(machine.calls.call('model.info', { reference: 'nowhere/none' }), { code: 'source/invalid-reference' })
  })
})

describe('model.register', () => {
  it('installs what is not there and loads it, and asks nobody when it is there', async () => {
    await using machine = await Machine.create()
    machine.source.serve('m', { 'model.echo': '{}' })
    const { events, output } = await machine.run('model.register', { reference: 'test/m' })
    assert.deepEqual([output.ready, output.reason, output.alreadyInstalled, output.model.loaded], [true, '', false, true])
    assert.ok(events.some(({ type }) => type === 'register'))
    machine.source.resolveFaults.push(new SomaError('source/unavailable', 'it was asked'))
    for (const reference of ['test/m', 'test/m@1.0.0', 'm']) {
      const again = await machine.run('model.register', { reference })
      assert.deepEqual([again.output.alreadyInstalled, again.output.ready, again.output.model.name], [true, true, 'm'], reference)
    }
    await machine.calls.call('model.alias', { alias: 'second', model: 'm' })
    assert.equal((await machine.run('model.register', { reference: 'second' })).output.model.name, 'm')
    await assert.rejects(machine.run('model.register', { reference: 'unknown' }), { code: 'model/not-found' })
    const { entries } = await machine.calls.call('audit.list', {})
    const named = (name: string): number => new Set(entries.filter((entry) => entry.name === name).map(({ call }) => call)).size
    assert.deepEqual([named('model.register'), named('model.install'), named('model.load')], [6, 1, 5])
  })

  it('installs what is unsafe for those who allow it', async () => {
    await using machine = await Machine.create()
    const call = (input: CallInput<'model.register'>) => machine.run('model.register', input)
    machine.source.serve('m', { 'pytorch_model.bin': Buffer.from('cos\nsystem\n(S"true"\ntR.') })
    await assert.rejects(call({ reference: 'test/m' }), { code: 'package/unsafe-pickle' })
    assert.equal((await call({ reference: 'test/m', allowUnsafe: true })).output.model.name, 'm')
  })

  it('says why a model that is installed is not ready', async () => {
    await using machine = await Machine.create()
    machine.source.serve('broken', { 'model.echo': '{"load":{"outcome":"throw"}}' })
    const { output } = await machine.run('model.register', { reference: 'test/broken' })
    assert.deepEqual([output.ready, output.model.loaded, output.alreadyInstalled], [false, false, false])
    assert.notEqual(output.reason, '')
    assert.equal((await machine.calls.call('model.show', { model: 'broken' })).model.name, 'broken')
  })

  it('loads for nobody what they may not load', async () => {
    await using machine = await Machine.create()
    await machine.install('mine')
    const calls = await restricted(machine, [
      { resource: 'model/other', rights: ['install', 'load'] },
      { resource: 'source/*', rights: ['read'] },
    ])
    await assert.rejects(machine.run('model.register', { reference: 'mine', name: 'other' }, { calls }), { code: 'capability/denied' })
  })
})

describe('model.publish', () => {
  it('hands a source every file with hashes of its pieces, tries again, and counts what was sent', async () => {
    const published: Array<{ pkg: OutgoingPackage; name: string }> = []
    const sent: Record<string, string> = {}
    let failures = 1
    const publish = async (pkg: OutgoingPackage, name: string, options: PublishOptions) => {
      for (const file of pkg.files) {
        const { path, sizeBytes } = file
        if (path in sent) {
          options.progress({ path, sentBytes: 0, sizeBytes, skipped: true })
          continue
        }
        sent[path] = sha256(Buffer.concat(await Array.fromAsync(file.open(0))))
        options.progress({ path, sentBytes: sizeBytes, sizeBytes, skipped: path === 'README.md' })
        if (failures-- > 0) throw new SomaError('source/unavailable', 'the line broke', { details: { retryAfterMs: 1 } })
      }
      published.push({ pkg, name })
      return { reference: `reg/${name}@sha256:1`, digest: 'sha256:1' }
    }
    await using machine = await Machine.create([source('reg', { publish })])
    const weights = randomBytes(9 * 1024 * 1024)
    await machine.install('m', { 'README.md': 'text', 'weights.txt': weights })
    await machine.calls.call('key.create', { name: 'k' })
    await machine.calls.call('model.sign', { model: 'm', key: 'k' })
    const { output, events } = await machine.run('model.publish', { model: 'm', reference: 'reg/host/m:1' })
    const { pkg, name } = published[0] ?? assert.fail()
    assert.deepEqual([output.reference, output.digest, name], ['reg/host/m:1@sha256:1', 'sha256:1', 'host/m:1'])
    assert.deepEqual(
      pkg.files.map(({ path }) => path),
      ['README.md', 'manifest.yaml', 'model.echo', 'model.ml-dsa-65.sig', 'model.sig', 'weights.txt'],
    )
    for (const file of pkg.files) {
      const { path, digest, sizeBytes } = file
      assert.equal(digest, `sha256:${sent[path]}`)
      assert.equal(Buffer.concat(await Array.fromAsync(file.open(1))).byteLength, sizeBytes - 1)
    }
    const { chunks } = pkg.files.find(({ path }) => path === 'weights.txt') ?? {}
    const piece = 4 * 1024 * 1024
    assert.deepEqual(chunks, {
      sizeBytes: piece,
      sha256: [0, 1, 2].map((index) => sha256(weights.subarray(index * piece, (index + 1) * piece))),
    })
    const total = pkg.files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    assert.deepEqual([output.sentBytes, output.skippedBytes], [total - 4, 4])
    assert.ok(events.some(({ path }) => path === 'weights.txt'))
  })

  it('sends nothing of a damaged model, and nothing to a source that takes none', async () => {
    let asked = 0
    const publish = async (): Promise<never> => {
      asked++
      throw new SomaError('source/unauthorized', 'log in')
    }
    await using machine = await Machine.create([source('reg', { publish })])
    await machine.install('m', { 'tokens.txt': 'a b c' })
    const to = async (reference: string) => machine.run('model.publish', { model: 'm', reference })
    await assert.rejects(to('file//tmp/x'), { code: 'source/unsupported', message: /use reg/ })
    await assert.rejects(to('nowhere/x'), { code: 'source/invalid-reference' })
    await assert.rejects(to('reg/x'), { code: 'source/unauthorized' })
    assert.equal(asked, 1)
    const { files } = await machine.calls.call('model.show', { model: 'm' })
    const path = machine.store.blobs.path(files.find((file) => file.path === 'tokens.txt')?.digest ?? ('' as never))
    await chmod(path, 0o600)
    await writeFile(path, 'a b d')
    await assert.rejects(to('reg/x'), { code: 'package/corrupt' })
    await rm(path)
    await assert.rejects(to('reg/x'), { code: 'package/corrupt' })
    assert.equal(asked, 1)
  })
})

describe('source.list', () => {
  it('tells of each source what it can do', async () => {
    await using machine = await Machine.create([
      hub('hub', async () => []),
      source('reg', { publish: async () => ({ reference: 'reg/x' }) }),
    ])
    const { sources } = await machine.calls.call('source.list', {})
    assert.deepEqual(
      sources.map(({ scheme, searchable, publishable, file }) => [scheme, searchable, publishable, file]),
      [
        ['test', false, false, null],
        ['file', false, false, null],
        ['hub', true, false, null],
        ['reg', false, true, null],
      ],
    )
  })
})

/** The calls of somebody who may do only this. */
async function restricted(machine: Machine, grants: CallInput<'capability.issue'>['grants']): Promise<Calls> {
  const { token } = await machine.calls.call('capability.issue', { grants, label: 'restricted' })
  return machine.as(machine.kernel.authenticate(token))
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
