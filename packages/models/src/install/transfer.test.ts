import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SomaError, isSomaError } from '@soma/core'
import { tarGzOf, tarOf } from '@soma/testkit/server'
import { settle } from '@soma/testkit/clock'
import { RETRY_DELAY_MS } from './limits.ts'
import { TestInstall, codeOf } from './test-install.ts'

const echo = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251))
const broken = new SomaError('source/unavailable', 'no route')
const none = { blobs: 0, partials: 0, temporary: 0, layouts: 0 }

/** A place where a download waits until it is told to go on. */
class Gate {
  #open = false
  readonly #waiting: Array<() => void> = []
  reached = 0

  readonly pass = async (): Promise<void> => {
    this.reached++
    if (!this.#open) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  open(): void {
    this.#open = true
    for (const go of this.#waiting.splice(0)) go()
  }

  async untilReached(times: number): Promise<void> {
    while (this.reached < times) await settle()
  }
}

describe('fetching', () => {
  it('tries again after a failure, with growing delays, and says so', async () => {
    await using test = await TestInstall.create()
    test.source.serve('m', { 'm.echo': echo })
    test.source.fail('m!m.echo', { error: broken }, { error: broken }, { error: broken })
    const { events } = await test.install('test/m')
    const retries = events.filter((event) => event.type === 'retry')
    assert.ok(retries.some(({ attempt, reason, path }) => attempt === 3 && reason === 'no route' && path === 'm.echo'))
    assert.equal(test.sleeps.length, 3)
    for (const [index, delay] of test.sleeps.entries()) assert.ok(delay <= RETRY_DELAY_MS * 2 ** index)
  })

  it('gives up after the configured retries, telling how often it tried', async () => {
    await using test = await TestInstall.create()
    test.retries = 2
    test.source.serve('m', { 'm.echo': echo })
    test.source.fail('m!m.echo', ...Array.from({ length: 9 }, () => ({ error: broken })))
    await assert.rejects(test.install('test/m'), (error) => isSomaError(error, 'source/unavailable') && error.details['attempts'] === 3)
    assert.equal(test.source.requests.length, 3)
  })

  it('does not repeat what will fail again', async () => {
    for (const code of ['source/not-found', 'source/unauthorized', 'package/hash-mismatch'] as const) {
      await using test = await TestInstall.create()
      test.source.serve('m', { 'm.echo': echo })
      test.source.fail('m!m.echo', { error: new SomaError(code, 'no') })
      assert.equal(await codeOf(test.install('test/m')), code)
      assert.deepEqual(test.sleeps, [])
    }
  })

  it('waits as long as a source asks, but not for ever', async () => {
    await using test = await TestInstall.create()
    const limited = (retryAfterMs: number): SomaError => new SomaError('source/rate-limited', 'slow down', { details: { retryAfterMs } })
    test.source.serve('m', { 'm.echo': echo })
    test.source.resolveFaults.push(limited(7000))
    test.source.fail('m!m.echo', { error: limited(9000) })
    await test.install('test/m')
    assert.equal(test.sleeps.length, 2)
    for (const [index, asked] of [7000, 9000].entries()) {
      const slept = test.sleeps[index] ?? 0
      assert.ok(slept >= asked && slept <= asked + RETRY_DELAY_MS, `${slept} after being asked for ${asked}`)
    }
    test.source.serve('n', { 'n.echo': echo.subarray(1) })
    test.source.fail('n!n.echo', { error: limited(3_600_000) })
    assert.equal(await codeOf(test.install('test/n')), 'source/rate-limited')
  })

  it('goes on where a connection broke', async () => {
    await using test = await TestInstall.create()
    test.source.serve('m', { 'm.echo': echo })
    test.source.fail('m!m.echo', { cutAfter: 2500 }, { cutAfter: 3000 })
    const { events } = await test.install('test/m')
    assert.deepEqual(
      test.source.requests.map(({ offset }) => offset),
      [0, 2500, 5500],
    )
    assert.equal(test.source.sentBytes, echo.byteLength)
    const last = events.filter((event) => event.type === 'download').at(-1)
    assert.deepEqual([last?.receivedBytes, last?.sizeBytes], [echo.byteLength, echo.byteLength])
  })

  it('counts attempts anew when enough has come in between', async () => {
    await using test = await TestInstall.create()
    const large = Buffer.alloc(6 * 1024 * 1024, 'x')
    Object.assign(test.source, { chunkBytes: 256 * 1024 })
    test.retries = 1
    test.source.serve('m', { 'm.echo': large })
    test.source.fail('m!m.echo', ...Array.from({ length: 4 }, () => ({ cutAfter: 1024 * 1024 })))
    await test.install('test/m')
    assert.equal(test.sleeps.length, 4)
  })

  it('begins anew when the source does, or its bytes have changed', async () => {
    for (const second of [{ ignoresOffset: true }, { validator: 'v2' }]) {
      await using test = await TestInstall.create()
      test.source.serve('m', { 'm.echo': { bytes: echo, promises: 'size' } })
      test.source.fail('m!m.echo', { cutAfter: 2500 }, second)
      await test.install('test/m')
      assert.equal(test.registry.get('m').files[0]?.sizeBytes, echo.byteLength)
      assert.equal(test.source.sentBytes, 2500 + echo.byteLength)
    }
  })

  it('resumes after the install was cancelled and the store closed, and fetches only what was in flight twice', async () => {
    await using test = await TestInstall.create()
    const gate = new Gate()
    test.source.serve('m', { 'm.echo': echo })
    test.source.fail('m!m.echo', { gate: async () => (test.source.sentBytes >= 6000 ? gate.pass() : undefined) })
    const abort = new AbortController()
    const install = codeOf(test.install('test/m', {}, { signal: abort.signal }))
    await gate.untilReached(1)
    abort.abort()
    gate.open()
    assert.equal(await install, 'call/cancelled')
    assert.equal((await test.leftovers()).blobs, 0)
    await test.reopen()
    const { events } = await test.install('test/m')
    assert.ok(test.source.sentBytes <= echo.byteLength + test.source.chunkBytes)
    assert.ok(events.some((event) => event.type === 'download' && event.resumedBytes >= 5000))
    assert.deepEqual(await test.leftovers(), { ...none, blobs: 1 })
  })

  it('keeps an archive in which no model was found, for the next try with include', async () => {
    await using test = await TestInstall.create()
    const bytes = tarGzOf({ 'a.echo': echo, 'b.echo': 'other' })
    test.source.serve('m', { 'm.tgz': { bytes, kind: 'tar.gz' } })
    assert.equal(await codeOf(test.install('test/m')), 'package/no-model')
    assert.equal((await test.leftovers()).blobs, 0)
    await test.reopen()
    await test.install('test/m', { include: ['a.*'] })
    assert.equal(test.source.sentBytes, bytes.byteLength)
    await test.idle()
    assert.deepEqual(await test.leftovers(), { ...none, blobs: 1 })
  })

  it('keeps nothing of an archive that is refused', async () => {
    await using test = await TestInstall.create()
    test.source.serve('m', { 'm.tar': { bytes: tarOf({ '../m.echo': echo }), kind: 'tar' } })
    assert.equal(await codeOf(test.install('test/m')), 'package/unsafe-path')
    assert.deepEqual(await test.leftovers(), none)
  })

  it('refuses wrong bytes, and keeps none of them', async () => {
    for (const [bytes, code] of [
      [Buffer.alloc(echo.byteLength), 'package/hash-mismatch'],
      [Buffer.alloc(echo.byteLength + 1), 'package/size-mismatch'],
      [Buffer.alloc(10), 'package/size-mismatch'],
    ] as const) {
      await using test = await TestInstall.create()
      test.source.serve('m', { 'm.echo': echo })
      test.source.fail('m!m.echo', { bytes }, { bytes })
      assert.equal(await codeOf(test.install('test/m')), code)
      // What has the right size might have been damaged on its way: it is asked for twice.
      assert.equal(test.source.requests.length, code === 'package/hash-mismatch' ? 2 : 1)
      assert.deepEqual(await test.leftovers(), none)
    }
  })

  it('fetches once more from zero when resumed bytes do not match, then gives up', async () => {
    for (const times of [1, 2]) {
      await using test = await TestInstall.create()
      test.source.serve('m', { 'm.echo': echo })
      test.source.fail(
        'm!m.echo',
        { bytes: Buffer.alloc(echo.byteLength), cutAfter: 2500 },
        {},
        ...(times === 2 ? [{ bytes: Buffer.alloc(echo.byteLength) }] : []),
      )
      assert.equal(await codeOf(test.install('test/m')), times === 1 ? 'none' : 'package/hash-mismatch')
      assert.deepEqual(
        test.source.requests.map(({ offset }) => offset),
        [0, 2500, 0],
      )
    }
  })

  it('checks sha512 and sha1 too', async () => {
    for (const algorithm of ['sha512', 'sha1'] as const) {
      await using test = await TestInstall.create()
      test.source.serve('m', { 'm.echo': { bytes: echo, algorithm } })
      const wrong = { bytes: Buffer.alloc(echo.byteLength) }
      test.source.fail('m!m.echo', wrong, wrong)
      assert.equal(await codeOf(test.install('test/m')), 'package/hash-mismatch')
      await test.install('test/m')
    }
  })

  it('fetches as many files at once as configured, and no more', async () => {
    await using test = await TestInstall.create()
    test.parallel = 3
    let now = 0
    let most = 0
    const download = test.source.download.bind(test.source)
    test.source.download = async (artifact, options) => {
      most = Math.max(most, ++now)
      const opened = await download(artifact, options)
      const body = opened.body
      const counted = async function* (): AsyncGenerator<Uint8Array> {
        try {
          yield* body
        } finally {
          now--
        }
      }
      return { ...opened, body: counted() }
    }
    test.source.serve('m', {
      'm.echo': echo,
      ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`part${index}.txt`, `text ${index}`])),
    })
    await test.install('test/m')
    assert.equal(most, 3)
    assert.equal(test.registry.get('m').files.length, 21)
  })

  it('shares one download between two installs, and one being cancelled does not end the other', async () => {
    await using test = await TestInstall.create()
    const gate = new Gate()
    test.source.serve('m', { 'm.echo': echo })
    test.source.fail('m!m.echo', { gate: gate.pass })
    const abort = new AbortController()
    const first = codeOf(test.install('test/m', { name: 'first' }, { signal: abort.signal }))
    await gate.untilReached(1)
    const second = test.install('test/m', { name: 'second' })
    const third = test.install('test/m', { name: 'second' })
    await settle()
    await settle()
    abort.abort()
    assert.equal(await first, 'call/cancelled')
    gate.open()
    await Promise.all([second, third])
    assert.equal(test.source.sentBytes, echo.byteLength)
    assert.deepEqual(
      test.registry.list().map(({ name }) => name),
      ['second'],
    )
    await test.idle()
    assert.deepEqual(await test.leftovers(), { ...none, blobs: 1 })
  })

  it('ends a download that nobody waits for any more, and begins it anew for who comes then', async () => {
    await using test = await TestInstall.create()
    const gate = new Gate()
    test.source.serve('m', { 'm.echo': echo })
    test.source.fail('m!m.echo', { gate: gate.pass })
    const abort = new AbortController()
    const first = codeOf(test.install('test/m', {}, { signal: abort.signal }))
    await gate.untilReached(1)
    abort.abort()
    const second = test.install('test/m')
    gate.open()
    assert.equal(await first, 'call/cancelled')
    await second
    assert.equal(test.registry.get('m').name, 'm')
  })

  it('is not slowed by who reads the events slowly, and keeps only the newest progress for them', async () => {
    await using test = await TestInstall.create()
    test.source.serve('m', { 'm.echo': Buffer.alloc(300_000, 'x') })
    const { events } = await test.install(
      'test/m',
      {},
      {
        onEvent: async () => {
          // Until everything is fetched, although nobody reads.
          while (test.source.sentBytes < 300_000) await settle()
        },
      },
    )
    assert.ok(events.filter(({ type }) => type === 'download').length <= 3)
    assert.deepEqual(events.at(-1), { type: 'register', name: 'm' })
  })

  it('is cancelled by who leaves the events early', async () => {
    await using test = await TestInstall.create()
    test.source.serve('m', { 'm.echo': echo })
    const stop = new Error('enough')
    await assert.rejects(test.install('test/m', {}, { onEvent: () => Promise.reject(stop) }), stop)
    await test.idle()
    assert.equal(test.registry.find('m'), undefined)
    assert.equal((await test.leftovers()).blobs, 0)
  })

  it('frees everything when the disk is full, also what other files of the package had', async () => {
    await using test = await TestInstall.create()
    test.source.serve('m', { 'm.echo': echo, 'b.txt': 'small' })
    const partial = test.store.blobs.partial.bind(test.store.blobs)
    test.store.blobs.partial = async (key, options) => {
      const opened = await partial(key, options)
      if (key.endsWith('.echo'))
        opened.append = async () => {
          throw new SomaError('store/disk-full', 'no space left on the device')
        }
      return opened
    }
    assert.equal(await codeOf(test.install('test/m')), 'store/disk-full')
    assert.equal(test.sleeps.length, 0)
    const { blobs, partials } = await test.leftovers()
    assert.equal(blobs, 0)
    // The small file was whole: it may stay to be resumed, with its sidecar.
    assert.ok(partials <= 2)
  })

  it('brings more files than may be fetched at once', async () => {
    await using test = await TestInstall.create()
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`part${index}.txt`, `text ${index}`]))
    test.source.serve('m', { 'm.echo': echo, ...files })
    test.source.fail('m!m.echo', { gate: settle })
    await test.install('test/m')
    assert.equal(test.registry.get('m').files.length, 31)
    assert.equal(test.source.requests.length, 31)
  })
})
