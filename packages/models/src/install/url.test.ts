import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { createUrlSource } from '@soma/source-url'
import {
  type Fault,
  type FaultyServer,
  type ServedFile,
  answers,
  corruptsByte,
  createFaultyServer,
  cutsAfter,
  drips,
  hasEtag,
  ignoresRange,
  resets,
  tarGzOf,
  truncatesTo,
} from '@soma/testkit/server'
import { createTestSource } from '@soma/testkit/source'
import { TestInstall, codeOf } from './test-install.ts'

/** What may be sent but not yet on the disk: the buffers of both sockets, and two of ours. */
const IN_FLIGHT_BYTES_MAX = 12 * 1024 * 1024

const bytes = Uint8Array.from(randomBytes(3 * 1024 * 1024))
const sha256 = createHash('sha256').update(bytes).digest('hex')

interface Place extends AsyncDisposable {
  readonly server: FaultyServer
  readonly test: TestInstall
  readonly reference: string
}

/** A real server, the real source, a real store. */
async function place(files: Readonly<Record<string, ServedFile>> = { '/m.echo': { body: bytes } }): Promise<Place> {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await createFaultyServer(files))
  const client = stack.use(createTestSource(createUrlSource))
  const test = stack.use(await TestInstall.create({ sources: [client.source] }))
  return { server, test, reference: `url/${server.origin}/m.echo#sha256=${sha256}`, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

function downloads(server: FaultyServer): Array<string | undefined> {
  return server.requests.map(({ headers }) => headers['range']).filter((range) => range !== 'bytes=0-0')
}

/** Does these one after the other to requests that fetch, and nothing to those that only ask. */
function onDownloads(faults: readonly Fault[]): Fault {
  const left = [...faults]
  let fault: Fault | undefined
  return {
    request: (headers) => {
      fault = headers['range'] === 'bytes=0-0' ? undefined : left.shift()
      return headers
    },
    reply: (reply) => fault?.reply?.(reply) ?? reply,
  }
}

describe('installing from a web address', () => {
  it('survives resets, 503s, 429s and cut connections, resuming where it was', async () => {
    await using at = await place()
    const faults = [resets, answers(429, { 'retry-after': '2' }), cutsAfter(1_000_000), answers(503), cutsAfter(1_000_000)]
    at.server.fail('/m.echo', onDownloads(faults))
    at.test.retries = faults.length
    await at.test.install(at.reference)
    assert.ok(at.test.sleeps.some((delay) => delay >= 2000))
    const offsets = downloads(at.server).map((range) => Number(/\d+/.exec(range ?? '0')?.[0]))
    assert.equal(offsets.length, faults.length + 1)
    assert.ok((offsets.at(-1) ?? 0) > 1_000_000, offsets.join())
    assert.equal((await at.test.call('model.verify', {})).output.ok, true)
  })

  it('refuses wrong bytes behind a hash, and leaves nothing', async () => {
    for (const fault of [corruptsByte(77), truncatesTo(1000)]) {
      await using at = await place()
      at.server.fail('/m.echo', fault)
      const code = await codeOf(at.test.install(at.reference))
      assert.ok(code === 'package/hash-mismatch' || code === 'package/size-mismatch', code)
      assert.deepEqual(await at.test.leftovers(), { blobs: 0, partials: 0, temporary: 0, layouts: 0 })
    }
  })

  it('fetches anew what a resume spoiled, once', async () => {
    await using at = await place()
    const wrong = { '/m.echo': { body: Buffer.alloc(bytes.byteLength, 'wrong'), etag: null } }
    at.server.serve(wrong)
    at.server.fail('/m.echo', onDownloads([cutsAfter(1_500_000)]))
    at.test.retries = 0
    assert.equal(await codeOf(at.test.install(at.reference)), 'source/unavailable')
    at.server.heal()
    at.server.serve({ '/m.echo': { body: bytes, etag: null } })
    await at.test.install(at.reference)
    assert.equal((await at.test.call('model.verify', {})).output.ok, true)
  })

  it('begins anew at a server that ignores ranges, or whose file has changed', async () => {
    for (const fault of [ignoresRange, hasEtag('"other"')]) {
      await using at = await place()
      at.server.fail('/m.echo', onDownloads([cutsAfter(1_500_000)]))
      at.test.retries = 0
      await codeOf(at.test.install(at.reference))
      at.server.heal()
      at.server.fail('/m.echo', fault)
      await at.test.install(at.reference)
      assert.equal((await at.test.call('model.verify', {})).output.ok, true)
    }
  })

  it('unpacks an archive behind an address', async () => {
    await using at = await place({ '/p.tgz': { body: tarGzOf({ 'x/m.echo': bytes, 'x/README.md': 'hi', 'x/a.py': 'code' }) } })
    await at.test.install(`url/${at.server.origin}/p.tgz`)
    assert.deepEqual(
      at.test.registry.get('p').files.map(({ path }) => path),
      ['x/README.md', 'x/m.echo'],
    )
  })

  it('is resumed after kill -9, fetching again only what was in flight', async (t) => {
    const large = { block: randomBytes(256 * 1024), sizeBytes: 20 * 1024 * 1024 }
    await using at = await place({ '/m.echo': { body: large, etag: '"large"' } })
    const reference = `url/${at.server.origin}/m.echo`
    const { directory } = at.test
    await at.test.close()
    at.server.fail('/m.echo', drips(128 * 1024, 1))
    let from = 0
    // The places in the file at which it is killed; the last run is left alone.
    const kills = [0, 1].map((index) => Math.floor((index + Math.random()) * 9 * 1024 * 1024) + 1024 * 1024)
    t.diagnostic(`killed after ${kills.join(', ')} bytes`)
    for (const killAt of [...kills, Infinity]) {
      const begun = at.server.requests.length
      const child = spawn(process.execPath, [join(import.meta.dirname, 'test-install-child.ts'), directory, reference], {
        stdio: ['ignore', 'pipe', 'inherit'],
        // Starting it is most of what this test takes.
        env: { ...process.env, NODE_COMPILE_CACHE: join(directory, 'compile-cache') },
      })
      const closed = once(child, 'close')
      const lines: string[] = []
      child.stdout.setEncoding('utf8').on('data', (line: string) => lines.push(line))
      const request = async (): Promise<FaultyServer['requests'][number] | undefined> => {
        await new Promise((resolve) => setImmediate(resolve))
        return at.server.requests.slice(begun).find(({ headers }) => headers['range'] !== 'bytes=0-0')
      }
      let seen = await request()
      while (
        child.exitCode === null &&
        child.signalCode === null &&
        (!seen || offsetOf(seen) + seen.sentBytes < killAt) &&
        lines.length === 0
      )
        seen = await request()
      child.kill('SIGKILL')
      await closed
      await at.server.whenQuiet()
      assert.ok(seen, 'the child asked for the file')
      assert.ok(from - offsetOf(seen) <= IN_FLIGHT_BYTES_MAX, `${from - offsetOf(seen)} bytes were fetched again`)
      if (killAt < Infinity) assert.ok(offsetOf(seen) > 0 || from <= IN_FLIGHT_BYTES_MAX, 'it went on where it was')
      from = offsetOf(seen) + seen.sentBytes
      if (killAt === Infinity) assert.deepEqual(lines, ['installed\n'])
    }
    await at.test.open()
    assert.equal((await at.test.call('model.verify', {})).output.ok, true)
    assert.equal(at.test.registry.get('m').files[0]?.sizeBytes, large.sizeBytes)
    await at.test.store.blobs.collect({})
    assert.deepEqual(await at.test.leftovers(), { blobs: 1, partials: 0, temporary: 0, layouts: 0 })
  })

  it('says what to do when a server cannot be reached', async () => {
    await using at = await place()
    await at.server[Symbol.asyncDispose]()
    await assert.rejects(
      at.test.install(at.reference),
      (error) => isSomaError(error, 'source/unavailable') && error.details['attempts'] === 4,
    )
  })
})

function offsetOf(request: FaultyServer['requests'][number]): number {
  return Number(/^bytes=(\d+)-/.exec(request.headers['range'] ?? '')?.[1] ?? 0)
}
