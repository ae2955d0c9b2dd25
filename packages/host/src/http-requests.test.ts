import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type ErrorCode, SomaError, isSomaError, silentLog } from '@soma/core'
import { readDocument } from '@soma/spec'
import { createHttpFetch } from './http-client.ts'

const signal = new AbortController().signal

function client(t: TestContext) {
  const fetch = createHttpFetch({ env: {}, log: silentLog, clock: { now: () => 0 }, userAgent: 'soma-test/1' })
  t.after(() => fetch[Symbol.asyncDispose]())
  return fetch
}

interface Received {
  readonly method: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** A server that keeps what came whole, and answers as `reply` says. */
async function serverFor(t: TestContext, reply: (response: ServerResponse, request: IncomingMessage) => void) {
  const received: Received[] = []
  const broken: string[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', (error) => broken.push(error.message))
    request.on('end', () => {
      received.push({ method: request.method, headers: request.headers, body: Buffer.concat(chunks) })
      reply(response, request)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { server, received, broken, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function failure(code: ErrorCode, message: RegExp = /./) {
  return (thrown: unknown) => {
    assert.ok(isSomaError(thrown, code), `expected ${code}, got ${String(thrown)}`)
    assert.match(thrown.message, message)
    return true
  }
}

async function* pieces(count: number, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < count; at++) yield new Uint8Array(sizeBytes).fill(at)
}

test('a PUT carries its bytes and their length, and 201 is an answer', async (t) => {
  const { origin, received } = await serverFor(t, (response) => response.writeHead(201, { location: '/blobs/1' }).end('made'))
  const body = new Uint8Array(100_000).fill(7)
  const reply = await client(t)(`${origin}/a?digest=x`, { method: 'PUT', body, headers: { 'content-type': 'text/x' }, signal })
  assert.equal(reply.status, 201)
  assert.equal(reply.headers['location'], '/blobs/1')
  assert.equal(new TextDecoder().decode(await readDocument(reply, 100)), 'made')
  assert.equal(received[0]?.method, 'PUT')
  assert.equal(received[0].headers['content-length'], '100000')
  assert.equal(received[0].headers['content-type'], 'text/x')
  assert.ok(received[0].body.equals(body))
})

test('a POST without a body has length 0, and 202 is an answer', async (t) => {
  const { origin, received } = await serverFor(t, (response) => response.writeHead(202).end())
  using reply = await client(t)(`${origin}/uploads/`, { method: 'POST', signal })
  assert.equal(reply.status, 202)
  assert.equal(received[0]?.headers['content-length'], '0')
})

test('a POST streams a body: with the length that the headers give, else chunked', async (t) => {
  const { origin, received } = await serverFor(t, (response) => response.end())
  const fetch = client(t)
  const size = 40 * 65_536
  using _ = await fetch(origin, { method: 'POST', body: pieces(40, 65_536), headers: { 'Content-Length': String(size) }, signal })
  using __ = await fetch(origin, { method: 'POST', body: pieces(40, 65_536), signal })
  assert.equal(received[0]?.headers['content-length'], String(size))
  assert.equal(received[0].headers['transfer-encoding'], undefined)
  assert.equal(received[1]?.headers['transfer-encoding'], 'chunked')
  const hashes = received.map(({ body }) => createHash('sha256').update(body).digest('hex'))
  assert.equal(received[0].body.byteLength, size)
  assert.equal(hashes[0], hashes[1])
})

test('a PATCH carries its range', async (t) => {
  const { origin, received } = await serverFor(t, (response) => response.writeHead(202, { range: '0-9' }).end())
  const headers = { 'content-range': '0-9', 'content-length': '10' }
  using reply = await client(t)(origin, { method: 'PATCH', body: pieces(1, 10), headers, signal })
  assert.equal(reply.headers['range'], '0-9')
  assert.equal(received[0]?.method, 'PATCH')
  assert.equal(received[0].headers['content-range'], '0-9')
})

test('a HEAD gives the headers, follows redirects and waits for no body', async (t) => {
  const { origin, received } = await serverFor(t, (response, request) => {
    if (request.url === '/moved') response.writeHead(307, { location: '/blob' }).end()
    else response.writeHead(200, { 'content-length': '5000000000' }).end()
  })
  const reply = await client(t)(`${origin}/moved`, { method: 'HEAD', signal })
  assert.equal(reply.headers['content-length'], '5000000000')
  assert.equal((await readDocument(reply, 10)).byteLength, 0)
  assert.deepEqual(
    received.map(({ method }) => method),
    ['HEAD', 'HEAD'],
  )
})

test('a redirect of what carries something is never followed: given when it is named, else an error', async (t) => {
  const { origin, received } = await serverFor(t, (response) => response.writeHead(307, { location: '/elsewhere' }).end())
  const fetch = client(t)
  for (const method of ['POST', 'PUT', 'PATCH'] as const) {
    using reply = await fetch(origin, { method, body: new Uint8Array(3), statuses: [307], signal })
    assert.equal(reply.headers['location'], '/elsewhere')
    await assert.rejects(fetch(origin, { method, body: new Uint8Array(3), signal }), failure('source/unavailable', /answered 307/))
  }
  assert.equal(received.length, 6)
})

test('a status that is named is an answer with its body, all others stay errors', async (t) => {
  const { origin } = await serverFor(t, (response) => response.writeHead(401, { 'www-authenticate': 'Bearer realm="x"' }).end('why'))
  const fetch = client(t)
  const reply = await fetch(origin, { statuses: [401], signal })
  assert.equal(reply.status, 401)
  assert.equal(new TextDecoder().decode(await readDocument(reply, 100)), 'why')
  await assert.rejects(fetch(origin, { statuses: [404], signal }), (thrown) => {
    assert.equal((thrown as SomaError).details['challenge'], 'Bearer realm="x"')
    return failure('source/unauthorized')(thrown)
  })
})

test('a body that fails ends the request with its own error, and the server sees it broken', async (t) => {
  const { origin, received, broken } = await serverFor(t, (response) => response.end())
  const lost = new SomaError('store/corrupt', 'a blob is not what it was')
  const body = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(1000)
    throw lost
  }
  const fetch = client(t)
  await assert.rejects(
    fetch(origin, { method: 'PUT', body: body(), headers: { 'content-length': '5000' }, signal }),
    (thrown) => thrown === lost,
  )
  // The connection pool is whole again, and the broken request was never taken for a whole one.
  using reply = await fetch(origin, { method: 'POST', signal })
  assert.equal(reply.status, 200)
  assert.equal(received.length, 1)
  assert.equal(broken.length, 1)
})

test('a body that is shorter or longer than its length is refused', async (t) => {
  const { origin, received } = await serverFor(t, (response) => response.end())
  const fetch = client(t)
  for (const length of ['999', '1001']) {
    const request = { method: 'PUT', body: pieces(1, 1000), headers: { 'content-length': length }, signal } as const
    await assert.rejects(fetch(origin, request), failure('source/unavailable', /body/))
  }
  assert.equal(received.length, 0)
})

test('an abort during an upload rejects at once and ends the body’s iteration', async (t) => {
  const { origin, received } = await serverFor(t, (response) => response.end())
  const controller = new AbortController()
  const ended = Promise.withResolvers<void>()
  const body = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield new Uint8Array(1000)
      controller.abort()
      for (;;) yield new Uint8Array(65_536)
    } finally {
      ended.resolve()
    }
  }
  await assert.rejects(client(t)(origin, { method: 'POST', body: body(), signal: controller.signal }), failure('call/cancelled'))
  await ended.promise
  assert.equal(received.length, 0)
})

test('an answer that comes before the body is through is given, and ends the upload', async (t) => {
  const { origin, server } = await serverFor(t, () => {})
  server.removeAllListeners('request')
  server.on('request', (_request, response: ServerResponse) => response.writeHead(401).end('no'))
  const ended = Promise.withResolvers<void>()
  const body = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(65_536)
    } finally {
      ended.resolve()
    }
  }
  const reply = await client(t)(origin, { method: 'PUT', body: body(), headers: { 'content-length': '99999999' }, statuses: [401], signal })
  assert.equal(reply.status, 401)
  reply[Symbol.dispose]()
  await ended.promise
})
