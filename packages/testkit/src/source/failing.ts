import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ErrorCode } from '@soma/core'
import { answers, cutsAfter, ignoresIfRange, ignoresRange, resets, stallsAfter } from '../server/index.ts'
import type { FaultyServer } from '../server/index.ts'
import { assertIntact, failsWith, readAll, shownBy } from './checks.ts'
import type { Arranged } from './compliance.ts'

const signal = new AbortController().signal

const statuses: ReadonlyArray<readonly [number, ErrorCode]> = [
  [401, 'source/unauthorized'],
  [403, 'source/unauthorized'],
  [404, 'source/not-found'],
  [410, 'source/not-found'],
  [429, 'source/rate-limited'],
  [500, 'source/unavailable'],
  [503, 'source/unavailable'],
]

/** For sources with a server behind them: every way in which it can fail them. */
export function failing(arrange: () => Promise<Arranged & { readonly server: FaultyServer }>): void {
  void test('each bad answer to resolve and to download is its typed error', async () => {
    await using place = await arrange()
    const { artifact } = await place.first()
    for (const [status, code] of statuses) {
      place.server.fail('*', answers(status, { 'retry-after': '2' }))
      await assert.rejects(place.open().source.resolve(place.fixture.good, { signal }), failsWith(code))
      await assert.rejects(place.open().source.download(artifact, { offset: 0, signal }), failsWith(code))
      place.server.heal()
    }
    place.server.fail('*', resets)
    await assert.rejects(place.open().source.resolve(place.fixture.good, { signal }), failsWith('source/unavailable'))
    await assert.rejects(place.open().source.download(artifact, { offset: 0, signal }), failsWith('source/unavailable'))
  })

  void test('a cut download is source/unavailable, and goes on from where it was cut', async () => {
    await using place = await arrange()
    const { artifact, bytes, validator } = await place.first()
    place.server.fail('*', cutsAfter(5), 1)
    const received: Uint8Array[] = []
    const reading = async (): Promise<void> => {
      const download = await place.open().source.download(artifact, { offset: 0, signal })
      for await (const chunk of download.body) received.push(chunk)
    }
    await assert.rejects(reading(), failsWith('source/unavailable'))
    assert.deepEqual(new Uint8Array(Buffer.concat(received)), bytes.subarray(0, 5))
    const rest = await place.open().source.download(artifact, { offset: 5, signal, ...(validator !== undefined && { validator }) })
    assert.deepEqual(await readAll(rest), bytes.subarray(5))
  })

  void test('a server that ignores ranges, or their condition, still gives the right bytes', async () => {
    await using place = await arrange()
    const { artifact, bytes, validator } = await place.first()
    place.server.fail('*', ignoresRange, 1)
    const whole = await place.open().source.download(artifact, { offset: 5, signal, ...(validator !== undefined && { validator }) })
    assert.equal(whole.offset, 0)
    assertIntact(artifact, await readAll(whole))
    place.server.fail('*', ignoresIfRange, 1)
    const anew = await place.open().source.download(artifact, { offset: 5, validator: '"of other bytes"', signal })
    assert.equal(anew.offset, 0)
    assert.deepEqual(await readAll(anew), bytes)
  })

  void test('an abort ends a stalled read at once and closes the socket', async () => {
    await using place = await arrange()
    const { artifact } = await place.first()
    place.server.fail('*', stallsAfter(5))
    const controller = new AbortController()
    const download = await place.open().source.download(artifact, { offset: 0, signal: controller.signal })
    const chunks = download.body[Symbol.asyncIterator]()
    await chunks.next()
    const pending = assert.rejects(chunks.next(), failsWith('call/cancelled'))
    controller.abort()
    await pending
    await place.server.whenQuiet()
  })

  void test('credentials are in no key, reference, log line or error', async () => {
    await using place = await arrange()
    const opened = place.open()
    const { source } = opened
    const resolution = await source.resolve(place.fixture.good, { signal })
    const shown = [JSON.stringify(resolution)]
    const attempt = async (failing: Promise<unknown>): Promise<void> => {
      await assert.rejects(failing, (thrown) => shown.push(shownBy(thrown)) > 0)
    }
    await attempt(source.resolve(place.fixture.missing, { signal }))
    for (const fault of [answers(401), answers(500), answers(429), resets]) {
      place.server.fail('*', fault)
      await attempt(source.resolve(place.fixture.good, { signal }))
      const fetched = resolution.artifacts.filter(({ content }) => content === undefined)
      for (const artifact of fetched) await attempt(source.download(artifact, { offset: 0, signal }))
      place.server.heal()
    }
    await place.server.whenQuiet()
    shown.push(JSON.stringify(opened.logged))
    for (const secret of place.fixture.secrets ?? []) assert.ok(!shown.join('\n').includes(secret), `${secret} is shown`)
  })
}
