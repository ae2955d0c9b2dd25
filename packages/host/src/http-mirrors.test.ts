import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, SomaError, createLog, isSomaError } from '@soma/core'
import type { HttpFetch, HttpRequest } from '@soma/spec'
import { createTestClock } from '@soma/testkit/clock'
import { HTTP_DOWN_MS } from './limits.ts'
import { createMirroredFetch } from './http-mirrors.ts'
import { createOfflineFetch } from './http-offline.ts'

const signal = new AbortController().signal
const hub = 'https://hub.example/a/b'

/** Servers by origin: those that are here fail with the code. */
function servers(failing: Readonly<Record<string, ErrorCode>>) {
  const asked: Array<{ readonly url: string; readonly request: HttpRequest }> = []
  const logged: string[] = []
  const clock = createTestClock()
  const fetch: HttpFetch = async (url, request) => {
    asked.push({ url, request })
    const code = failing[new URL(url).origin]
    if (code) throw new SomaError(code, `${new URL(url).origin} fails`)
    return { status: 200, url, headers: {}, body: nothing(), [Symbol.dispose]: () => undefined }
  }
  const log = createLog({ level: 'debug', clock, write: ({ message, fields }) => logged.push(`${message} ${String(fields?.['url'])}`) })
  const mirrored = (...mirrors: readonly string[]): HttpFetch => createMirroredFetch({ fetch, clock, log }, () => mirrors)
  return { asked, logged, clock, failing, mirrored, urls: () => asked.map(({ url }) => url) }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

test('a server that answers is the only one asked, and one without mirrors fails as it does', async () => {
  const world = servers({ 'https://other.example': 'source/unavailable' })
  const fetch = world.mirrored('https://hub.example=https://mirror.example')
  assert.equal((await fetch(hub, { signal })).url, hub)
  await assert.rejects(fetch('https://other.example/x', { signal }), { code: 'source/unavailable' })
  await assert.rejects(fetch('https://hub.example.evil/x', { signal }).then(() => fetch('https://other.example', { signal })))
  assert.deepEqual(world.urls().slice(0, 2), [hub, 'https://other.example/x'])
  assert.deepEqual(world.logged, [])
})

test('mirrors of the longest beginning are asked in order, and which one served is logged', async () => {
  const world = servers({ 'https://hub.example': 'source/unavailable', 'https://one.example': 'source/not-found' })
  const fetch = world.mirrored(
    'https://hub.example=https://short.example',
    'https://hub.example/a/=https://one.example/x',
    'https://hub.example/a=https://two.example/y/',
    'https://hub.example/ab=https://wrong.example',
  )
  assert.equal((await fetch(`${hub}?q=1=2`, { signal })).url, 'https://two.example/y/b?q=1=2')
  assert.deepEqual(world.urls(), [`${hub}?q=1=2`, 'https://one.example/x/b?q=1=2', 'https://two.example/y/b?q=1=2'])
  assert.deepEqual(world.logged, ['served by a mirror https://two.example/y/b?q=1=2'])
})

test('a server that is down is asked last for a minute, and then first again', async () => {
  const failing: Record<string, ErrorCode> = { 'https://hub.example': 'source/unavailable' }
  const world = servers(failing)
  const fetch = world.mirrored('https://hub.example=https://mirror.example')
  for (let time = 0; time < 3; time++) await fetch(hub, { signal })
  assert.deepEqual(
    world.urls().slice(1),
    Array.from({ length: 3 }, () => 'https://mirror.example/a/b'),
  )
  delete failing['https://hub.example']
  await world.clock.advance(HTTP_DOWN_MS)
  assert.equal((await fetch(hub, { signal })).url, hub)
})

test('when all fail, the error is the server’s own; one that a mirror cannot help with is thrown at once', async () => {
  const all = servers({ 'https://hub.example': 'source/unavailable', 'https://mirror.example': 'source/not-found' })
  for (let time = 0; time < 2; time++)
    await assert.rejects(all.mirrored('https://hub.example=https://mirror.example')(hub, { signal }), /hub.example fails/)
  for (const code of ['source/not-found', 'source/unauthorized', 'source/rate-limited', 'source/offline'] as const) {
    const world = servers({ 'https://hub.example': code })
    await assert.rejects(world.mirrored('https://hub.example=https://mirror.example')(hub, { signal }), (error) => isSomaError(error, code))
    assert.equal(world.asked.length, 1)
  }
})

test('credentials stay at home: in the address, the headers, and the connection', async () => {
  const world = servers({ 'https://hub.example': 'source/unavailable' })
  const headers = { Authorization: 'Bearer hush', cookie: 'hush', 'x-api-key': 'hush', Range: 'bytes=1-2', 'if-range': '"a"' }
  const request = { signal, headers, connection: { cert: 'hush', key: 'hush', ca: 'theirs' } }
  const fetch = world.mirrored('https://hub.example=https://user:own@mirror.example')
  await fetch('https://me:hush@hub.example/a?token=hush&x=1', request)
  const sent = world.asked[1]
  assert.equal(sent?.url, 'https://user:own@mirror.example/a?x=1')
  assert.deepEqual(sent.request.headers, { Range: 'bytes=1-2', 'if-range': '"a"' })
  assert.deepEqual(sent.request.connection, { ca: 'theirs' })
  assert.ok(!world.logged.join().includes('own'))
  const same = servers({})
  let down = true
  const flaky: HttpFetch = async (url, asked) => {
    if (!down) return same.mirrored()(url, asked)
    down = false
    throw new SomaError('source/unavailable', 'down')
  }
  const log = createLog({ level: 'error', clock: world.clock, write: () => undefined })
  await createMirroredFetch({ fetch: flaky, clock: world.clock, log }, () => ['https://hub.example/a=https://hub.example/b'])(
    'https://hub.example/a/x',
    request,
  )
  assert.deepEqual([same.asked[0]?.url, same.asked[0]?.request.headers], ['https://hub.example/b/x', headers])
})

test('what changes something goes nowhere else, nor does what was aborted', async () => {
  const world = servers({ 'https://hub.example': 'source/unavailable' })
  const fetch = world.mirrored('https://hub.example=https://mirror.example')
  await assert.rejects(fetch(hub, { signal, method: 'PUT' }), { code: 'source/unavailable' })
  await assert.rejects(fetch(hub, { signal: AbortSignal.abort() }), { code: 'source/unavailable' })
  assert.equal(world.asked.length, 2)
})

test('offline nothing is asked, from the moment that it is said', async () => {
  const world = servers({})
  let isOffline = false
  const fetch = createOfflineFetch(world.mirrored(), () => isOffline)
  await fetch(hub, { signal })
  isOffline = true
  await assert.rejects(
    fetch(`${hub}?token=hush`, { signal }),
    (error) => isSomaError(error, 'source/offline') && !error.message.includes('hush'),
  )
  await assert.rejects(fetch('nonsense', { signal }), { code: 'source/offline' })
  assert.equal(world.asked.length, 1)
})
