import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type ErrorCode, type LogFields, createLog, isSomaError, silentLog } from '@soma/core'
import { readDocument } from '@soma/spec'
import { answers, createFaultyServer, cutsAfter, drips, redirectsTo, resets, stallsAfter } from '@soma/testkit/server'
import type { Env, HttpTimeouts } from './http-agents.ts'
import { createHttpFetch } from './http-client.ts'
import { parseRetryAfter } from './http-errors.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const signal = new AbortController().signal
const block = new Uint8Array(64 * 1024).fill(7)

function client(t: TestContext, env: Env = {}, timeouts?: HttpTimeouts) {
  const fetch = createHttpFetch({ env, log: silentLog, clock: { now: () => now }, userAgent: 'soma-test/1' }, timeouts)
  t.after(() => fetch[Symbol.asyncDispose]())
  return fetch
}

async function serverFor(t: TestContext, ...files: Parameters<typeof createFaultyServer>) {
  const server = await createFaultyServer(...files)
  t.after(() => server[Symbol.asyncDispose]())
  return server
}

function failure(code: ErrorCode, message: RegExp = /./, details: Record<string, unknown> = {}) {
  return (thrown: unknown) => {
    assert.ok(isSomaError(thrown, code), `expected ${code}, got ${String(thrown)}`)
    assert.match(thrown.message, message)
    for (const [name, value] of Object.entries(details)) assert.equal(thrown.details[name], value, name)
    return true
  }
}

async function text(reply: Awaited<ReturnType<ReturnType<typeof client>>>): Promise<string> {
  return new TextDecoder().decode(await readDocument(reply, 1e6))
}

test('each status becomes its own typed error that names the host', async (t) => {
  const server = await serverFor(t, { '/a': { body: 'a' } })
  const fetch = client(t)
  const host = new URL(server.origin).host
  const expected: Array<[number, ErrorCode, boolean]> = [
    [400, 'source/unavailable', false],
    [401, 'source/unauthorized', false],
    [403, 'source/unauthorized', false],
    [404, 'source/not-found', false],
    [408, 'source/unavailable', true],
    [410, 'source/not-found', false],
    [429, 'source/rate-limited', true],
    [500, 'source/unavailable', true],
    [503, 'source/unavailable', true],
  ]
  for (const [status, code, retryable] of expected) {
    server.fail('/a', answers(status), 1)
    const thrown: unknown = await fetch(`${server.origin}/a`, { signal }).catch((error: unknown) => error)
    assert.ok(failure(code, new RegExp(`${host} answered ${status}`), { host, status })(thrown))
    assert.equal((thrown as { retryable: boolean }).retryable, retryable, String(status))
  }
})

test('Retry-After is read as seconds or as a date', async (t) => {
  const server = await serverFor(t, { '/a': { body: 'a' } })
  server.fail('/a', answers(429, { 'retry-after': '3' }), 1)
  await assert.rejects(client(t)(`${server.origin}/a`, { signal }), failure('source/rate-limited', /wait/, { retryAfterMs: 3000 }))
  assert.equal(parseRetryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now), 5000)
  assert.equal(parseRetryAfter('Wed, 31 Dec 2025 00:00:05 GMT', now), 0)
  assert.equal(parseRetryAfter('soon', now), undefined)
  assert.equal(parseRetryAfter(undefined, now), undefined)
})

test('a redirect to another origin loses the credentials, one to the same origin keeps them', async (t) => {
  const other = await serverFor(t, { '/b': { body: 'b' } })
  const server = await serverFor(t, { '/a': { body: 'a' }, '/c': { body: 'c' }, '/b': { body: '' } })
  server.fail('/a', redirectsTo('/b'))
  server.fail('/b', redirectsTo(`${other.origin}/b`, 307))
  const headers = { Authorization: 'Bearer secret', cookie: 'x=y', 'x-kept': '1' }
  const reply = await client(t)(`${server.origin}/a`, { headers, signal })
  assert.equal(await text(reply), 'b')
  assert.equal(reply.url, `${other.origin}/b`)
  assert.deepEqual(
    server.requests.map((seen) => seen.headers['authorization']),
    ['Bearer secret', 'Bearer secret'],
  )
  const [there] = other.requests
  assert.equal(there?.headers['authorization'], undefined)
  assert.equal(there?.headers['cookie'], undefined)
  assert.equal(there?.headers['x-kept'], '1')
})

test('credentials in the URL are sent as a header and appear in no error, detail or log line', async (t) => {
  const server = await serverFor(t, { '/a': { body: 'a', authorization: `Basic ${btoa('us er:pa%ss')}` } })
  const lines: Array<[string, LogFields]> = []
  const log = createLog({ level: 'debug', clock: { now: () => now }, write: (record) => lines.push([record.message, record.fields]) })
  const fetch = createHttpFetch({ env: {}, log, clock: { now: () => now }, userAgent: 'soma-test/1' })
  t.after(() => fetch[Symbol.asyncDispose]())
  const url = server.origin.replace('//', '//us%20er:pa%25ss@')
  assert.equal(await text(await fetch(`${url}/a?token=hidden`, { signal })), 'a')
  const thrown = (await fetch(`${url.replace('%25', '')}/a?token=hidden&x=1`, { signal }).catch((error: unknown) => error)) as Error
  assert.ok(failure('source/unauthorized')(thrown))
  assert.doesNotMatch(JSON.stringify([lines, thrown, thrown.message, thrown.stack]), /pa%|pass|hidden|us%20er/)
})

test('endless redirects, redirects to nowhere and to other protocols are refused and not retried', async (t) => {
  const server = await serverFor(t, { '/a': { body: 'a' } })
  const fetch = client(t)
  server.fail('/a', redirectsTo('/a'))
  await assert.rejects(fetch(`${server.origin}/a`, { signal }), failure('source/unavailable', /more than 10 times/))
  server.heal()
  server.fail('/a', redirectsTo('file:///etc/passwd'))
  await assert.rejects(fetch(`${server.origin}/a`, { signal }), failure('source/unavailable', /redirects from/))
  server.heal()
  server.fail('/a', redirectsTo('http://['))
  await assert.rejects(fetch(`${server.origin}/a`, { signal }), failure('source/unavailable', /not a URL/))
  await assert.rejects(fetch('ftp://example.org/a', { signal }), failure('source/invalid-reference'))
  await assert.rejects(fetch('nonsense', { signal }), failure('source/invalid-reference'))
})

test('a body is delivered as it is on the wire, never decompressed', async (t) => {
  const packed = gzipSync('hello')
  const server = await serverFor(t, { '/a': { body: packed, headers: { 'content-encoding': 'gzip' } } })
  const reply = await client(t)(`${server.origin}/a`, { signal })
  assert.deepEqual(Buffer.from(await readDocument(reply, 1e6)), packed)
  assert.equal(server.requests[0]?.headers['accept-encoding'], 'identity')
  assert.equal(server.requests[0]?.headers['user-agent'], 'soma-test/1')
})

test('a connection that breaks in the body is a retryable error after the bytes that came', async (t) => {
  const server = await serverFor(t, { '/a': { body: block } })
  server.fail('/a', cutsAfter(1000))
  const reply = await client(t)(`${server.origin}/a`, { signal })
  let received = 0
  const reading = async (): Promise<void> => {
    for await (const chunk of reply.body) received += chunk.byteLength
  }
  await assert.rejects(reading(), failure('source/unavailable', /broke/, { host: new URL(server.origin).host }))
  assert.equal(received, 1000)
})

test('a server that is not there, resets, or stays silent is source/unavailable', async (t) => {
  const server = await serverFor(t, { '/a': { body: block } })
  // Only the silence is to be waited for: on a busy machine the rest takes its time, too.
  const fetch = client(t, {}, { connectMs: 60_000, headersMs: 60_000, idleMs: 100 })
  await assert.rejects(fetch('http://127.0.0.1:1/', { signal }), failure('source/unavailable', /nothing answers at 127.0.0.1:1/))
  server.fail('/a', resets, 1)
  await assert.rejects(fetch(`${server.origin}/a`, { signal }), failure('source/unavailable', /broke/))
  server.fail('/a', stallsAfter(10))
  const reply = await fetch(`${server.origin}/a`, { signal })
  await assert.rejects(readDocument(reply, 1e6), failure('source/unavailable', /in time/))
})

test('a slow body is no silent one', async (t) => {
  const server = await serverFor(t, { '/a': { body: 'abcdef' } })
  server.fail('/a', drips(1, 600))
  const reply = await client(t, {}, { connectMs: 60_000, headersMs: 60_000, idleMs: 3000 })(`${server.origin}/a`, { signal })
  assert.equal(await text(reply), 'abcdef')
})

test('ending the iteration early, or never starting it, closes the socket', async (t) => {
  const server = await serverFor(t, { '/a': { body: { block, sizeBytes: 1e9 } } })
  const fetch = client(t)
  const first = await fetch(`${server.origin}/a`, { signal })
  for await (const _ of first.body) break
  await server.whenQuiet()
  const second = await fetch(`${server.origin}/a`, { signal })
  await second.body[Symbol.asyncIterator]().return?.()
  await server.whenQuiet()
  const third = await fetch(`${server.origin}/a`, { signal })
  third[Symbol.dispose]()
  await server.whenQuiet()
  assert.deepEqual(
    server.requests.map((seen) => seen.state),
    ['cut', 'cut', 'cut'],
  )
})

test('an abort rejects the pending read at once with the signal’s reason and closes the socket', async (t) => {
  const server = await serverFor(t, { '/a': { body: block } })
  server.fail('/a', stallsAfter(10))
  const controller = new AbortController()
  const reply = await client(t)(`${server.origin}/a`, { signal: controller.signal })
  const chunks = reply.body[Symbol.asyncIterator]()
  await chunks.next()
  const pending = chunks.next()
  controller.abort()
  await assert.rejects(pending, failure('call/cancelled'))
  await server.whenQuiet()
  await assert.rejects(client(t)(`${server.origin}/a`, { signal: controller.signal }), failure('call/cancelled'))
})

/** A forwarding proxy that answers by itself and notes what it was asked. */
async function fakeProxy(t: TestContext, status = 200) {
  const asked: string[] = []
  const proxy = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    response.writeHead(status).end('by proxy')
  })
  proxy.on('connect', (request, socket) => {
    asked.push(`CONNECT ${request.url}`)
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.after(() => proxy.close().closeAllConnections())
  return { asked, host: `127.0.0.1:${(proxy.address() as AddressInfo).port}` }
}

test('the environment’s proxies are used, in either case, except for the hosts of NO_PROXY', async (t) => {
  const proxy = await fakeProxy(t)
  const server = await serverFor(t, { '/a': { body: 'direct' } })
  const read = async (env: Env, url: string) => text(await client(t, env)(url, { signal }))
  assert.equal(await read({ http_proxy: `http://me:pw@${proxy.host}` }, 'http://hub.invalid/x'), 'by proxy')
  assert.equal(await read({ HTTP_PROXY: proxy.host }, 'http://hub.invalid/y'), 'by proxy')
  assert.equal(await read({ ALL_PROXY: proxy.host, NO_PROXY: '127.0.0.1' }, `${server.origin}/a`), 'direct')
  assert.deepEqual(proxy.asked, [`GET http://hub.invalid/x Basic ${btoa('me:pw')}`, 'GET http://hub.invalid/y'])
})

test('a connection’s own proxy wins over the environment’s', async (t) => {
  const proxy = await fakeProxy(t)
  const connection = { proxy: `http://${proxy.host}`, noProxy: '' }
  const reply = await client(t, { http_proxy: 'http://127.0.0.1:1' })('http://hub.invalid/z', { signal, connection })
  assert.equal(await text(reply), 'by proxy')
})

test('a proxy that wants credentials says so, and a malformed proxy setting is named', async (t) => {
  const proxy = await fakeProxy(t, 407)
  const fetch = client(t, { http_proxy: proxy.host, https_proxy: proxy.host })
  await assert.rejects(fetch('http://hub.invalid/', { signal }), failure('source/unauthorized', /proxy/))
  await assert.rejects(fetch('https://hub.invalid/', { signal }), failure('source/unauthorized', /proxy/))
  await assert.rejects(client(t, { http_proxy: 'http://[' })('http://hub.invalid/', { signal }), failure('config/invalid'))
})
