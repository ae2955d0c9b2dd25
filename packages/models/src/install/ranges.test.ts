import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { isSomaError, silentLog } from '@soma/core'
import { createHttpFetch, systemClock } from '@soma/host'
import { type Artifact, type Source, openHttpDownload } from '@soma/spec'
import { type Fault, type FaultyServer, createFaultyServer, drips, ignoresRange } from '@soma/testkit/server'
import { TestInstall } from './test-install.ts'

const CHUNK = 4096
const bytes = randomBytes(40 * CHUNK + 100)
const sha256 = (part: Uint8Array): string => createHash('sha256').update(part).digest('hex')
const chunkHashes = Array.from({ length: 41 }, (_, chunk) => sha256(bytes.subarray(chunk * CHUNK, (chunk + 1) * CHUNK)))

interface Place extends AsyncDisposable {
  readonly server: FaultyServer
  readonly test: TestInstall
}

/** One file of 41 chunks behind a real server. */
async function place(more: Partial<Artifact> = {}): Promise<Place> {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await createFaultyServer({ '/m.echo': { body: bytes } }))
  const fetch = stack.use(createHttpFetch({ env: {}, log: silentLog, clock: systemClock, userAgent: 'soma-test' }))
  const artifact: Artifact = {
    key: 'm',
    path: 'm.echo',
    kind: 'file',
    sizeBytes: bytes.length,
    integrity: { algorithm: 'sha256', digest: sha256(bytes) },
    ...more,
  }
  const source: Source = {
    sourceVersion: 1,
    scheme: 'one',
    title: 'One',
    example: 'one/m',
    resolve: async () => ({ reference: 'one/m@1', suggestedName: 'm', version: '1', artifacts: [artifact] }),
    download: (_, options) => openHttpDownload(fetch, { url: `${server.origin}/m.echo`, hashed: true }, options),
  }
  const test = stack.use(await TestInstall.create({ sources: [source], deps: { chunkBytes: CHUNK } }))
  return { server, test, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const sent = (server: FaultyServer): number => server.requests.reduce((sum, { sentBytes }) => sum + sentBytes, 0)

/** Damages the byte at `at`, whatever range it comes in, so many times. */
function damages(at: number, times: number): Fault {
  let left = times
  return {
    reply: (reply) => {
      if (at < reply.start || at >= reply.end || !(reply.body instanceof Uint8Array) || left-- <= 0) return reply
      const body = Uint8Array.from(reply.body)
      body[at] = (body[at] ?? 0) ^ 0xff
      return { ...reply, body }
    },
  }
}

describe('a file in ranges', () => {
  it('comes over as many connections as configured, each byte once', async () => {
    await using at = await place()
    at.test.connections = 3
    at.server.fail('/m.echo', drips(1024, 1))
    let most = 0
    const watch = setInterval(() => (most = Math.max(most, at.server.requests.filter(({ state }) => state === 'open').length)), 1)
    try {
      await at.test.install('one/m')
    } finally {
      clearInterval(watch)
    }
    assert.equal(most, 3)
    assert.equal(sent(at.server), bytes.length)
    assert.equal((await at.test.call('model.verify', {})).output.ok, true)
  })

  it('with hashes of its chunks has only the bad one fetched again, at once', async () => {
    await using at = await place({ chunks: { sizeBytes: CHUNK, sha256: chunkHashes } })
    at.server.fail('/m.echo', damages(7 * CHUNK + 9, 2))
    const { events } = await at.test.install('one/m')
    assert.equal(sent(at.server), bytes.length + 2 * CHUNK)
    const reasons = events.flatMap((event) => (event.type === 'retry' ? [event.reason] : []))
    assert.ok(
      reasons.some((reason) => reason.includes(`bytes ${7 * CHUNK}–${8 * CHUNK - 1}`)),
      reasons.join(),
    )
  })

  it('whose chunk is bad every time fails, and says which', async () => {
    await using at = await place({ chunks: { sizeBytes: CHUNK, sha256: chunkHashes } })
    at.server.fail('/m.echo', damages(7 * CHUNK + 9, Infinity))
    await assert.rejects(
      at.test.install('one/m'),
      (error) => isSomaError(error, 'package/hash-mismatch') && error.details['chunk'] === 7 && error.details['tries'] === 3,
    )
    assert.deepEqual(await at.test.leftovers(), { blobs: 0, partials: 0, temporary: 0, layouts: 0 })
  })

  it('damaged on its way is fetched again only as far as it takes to find where', async () => {
    await using at = await place()
    at.server.fail('/m.echo', damages(20 * CHUNK, 1))
    await at.test.install('one/m')
    assert.ok(sent(at.server) <= bytes.length + 32 * CHUNK, `${sent(at.server)} bytes`)
    assert.equal((await at.test.call('model.verify', {})).output.ok, true)
  })

  it('that is never what was promised fails after it came twice, and says so', async () => {
    await using same = await place({ integrity: { algorithm: 'sha256', digest: sha256(Buffer.from('other')) } })
    await assert.rejects(
      same.test.install('one/m'),
      (error) => isSomaError(error, 'package/hash-mismatch') && error.message.includes('the same bytes came twice'),
    )
    assert.equal(sent(same.server), 2 * bytes.length)
  })

  it('comes in one piece from a server without ranges, and nothing that is here is lost', async () => {
    await using at = await place()
    at.server.fail('/m.echo', ignoresRange)
    await at.test.install('one/m')
    assert.equal((await at.test.call('model.verify', {})).output.ok, true)
  })
})
