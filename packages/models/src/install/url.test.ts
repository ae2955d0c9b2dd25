import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createSeededRng, isSomaError, randomInteger } from '@soma/core'
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
import { testSeed } from '@soma/testkit/simulate'
import { createTestSource } from '@soma/testkit/source'
import { TestInstall, codeOf } from './test-install.ts'

/** Connections of one file, as configured by default. */
const CONNECTIONS = 4

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

  it('keeps no credentials of the address, and knows it again with and without them', async () => {
    await using at = await place()
    const secret = at.reference.replace('://', '://me:hush@').replace('#', '?token=hush#')
    const { model } = (await at.test.install(secret)).output
    assert.equal(model.wanted, at.reference)
    const { value } = at.test.store.records.get('package', model.name) as { readonly value: unknown }
    assert.doesNotMatch(JSON.stringify(value), /hush/)
    assert.equal((await at.test.install(at.reference)).output.alreadyInstalled, true)
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

  it('killed ten times at random bytes, fetches at most one chunk a connection again each time', async (t) => {
    const chunkBytes = 256 * 1024
    const large = { block: randomBytes(250 * 1024), sizeBytes: 40 * 1024 * 1024 }
    await using at = await place({ '/m.echo': { body: large, etag: '"large"' } })
    const { directory } = at.test
    // Slow and large enough that it is not over before the last kill, however late that comes.
    at.server.fail('/m.echo', drips(32 * 1024, 2))
    const seed = testSeed()
    t.diagnostic(`SOMA_SEED=${seed}`)
    const rng = createSeededRng(seed)
    const kills = Array.from({ length: 10 }, () => randomInteger(rng, 1024 * 1024))
    let [held, again, connections] = [0, 0, 0]
    for (const killAfter of [...kills, Infinity]) {
      await at.test.close()
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'test-install-child.ts'), directory, `url/${at.server.origin}/m.echo`, String(chunkBytes)],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
          // Starting it is most of what this test takes.
          env: { ...process.env, NODE_COMPILE_CACHE: join(directory, 'compile-cache') },
        },
      )
      let [received, said] = [0, '']
      for await (const text of child.stdout.setEncoding('utf8')) {
        said = `${said}${text as string}`.slice(-100)
        received = Number(/(\d+)\n[^\n]*$/.exec(said)?.[1] ?? received)
        connections = Math.max(connections, at.server.requests.filter(({ state }) => state === 'open').length)
        if (received >= killAfter) child.kill('SIGKILL')
      }
      await at.server.whenQuiet()
      await at.test.open()
      if (killAfter === Infinity) break
      const now = await bytesHeld(at, chunkBytes)
      const lost = held + received - now
      // A piece that is in the file may not be in the journal yet.
      assert.ok(lost <= CONNECTIONS * (chunkBytes + 64 * 1024), `${received} bytes came, and ${now - held} of them are kept`)
      again += lost
      held = now
    }
    t.diagnostic(`killed after ${kills.join(', ')} bytes; ${Math.round(again / kills.length)} bytes a kill were fetched again`)
    assert.ok(connections > 1, 'several connections were open at once')
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

async function bytesHeld({ server, test }: Place, chunkBytes: number): Promise<number> {
  await using client = createTestSource(createUrlSource)
  const { artifacts } = await client.source.resolve(`${server.origin}/m.echo`, { signal: new AbortController().signal })
  await using partial = await test.store.blobs.partial(artifacts[0]?.key ?? '', { chunkBytes })
  return partial.receivedBytes
}
