import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { FRAME_CONTENT_TYPE, encodeFrame } from '@soma/spec'
import { FakeDispatcher, behave, settled, until } from '@soma/testkit/face'
import { JSON_BYTES_MAX } from './limits.ts'
import { TestFace } from './test-face.ts'

/** Short, and not so short that a good client cannot keep them on a busy machine. */
const quick = { headersMsMax: 2000, requestMsMax: 3000, checkEveryMs: 50, stallMsMax: 2000, keepAliveMs: 2000 }

test('1,000 silent clients cost little, disturb nobody, and are shown out', async () => {
  await using face = await TestFace.start({ limits: quick })
  const before = process.memoryUsage().rss
  const sockets = Array.from({ length: 1000 }, () => connect(face.port, '127.0.0.1').on('error', () => undefined))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const closed = sockets.map((socket) => once(socket.resume(), 'close'))
  assert.equal((await face.fetch('/v1/system/health')).status, 200)
  // Both ends of every connection live in this process.
  const grown = process.memoryUsage().rss - before
  assert.ok(grown < 128 * 1024 * 1024, `${grown} bytes for 1,000 connections`)
  await Promise.all(closed)
  assert.equal((await face.fetch('/v1/system/health')).status, 200)
})

test('a client that sends its headers byte by byte gets 408, and so does one that dawdles with its body', async () => {
  await using face = await TestFace.start({ limits: quick })
  using slowHead = await face.connect()
  slowHead.write('POST /v1/system/echo HT')
  using slowBody = await face.connect()
  slowBody.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', 'content-length: 100')
  slowBody.write('{')
  await slowHead.closed
  assert.match(slowHead.text, /^HTTP\/1.1 408 [^]*call\/timeout/)
  await slowBody.closed
  assert.equal((await face.fetch('/v1/system/health')).status, 200)
  await until(() => face.dispatcher.active === 0, 'nothing is left')
})

test('a body of 1 GB is refused before it is sent: by its length, and when asked first', async () => {
  await using face = await TestFace.start()
  using announced = await face.connect()
  announced.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', `content-length: ${2 ** 30}`)
  assert.match(await announced.until(/call\/too-large/), /^HTTP\/1.1 413[^]*connection: close/)
  using asking = await face.connect()
  asking.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', `content-length: ${2 ** 30}`, 'expect: 100-continue')
  assert.match(await asking.until(/call\/too-large/), /^HTTP\/1.1 413/)
  using allowed = await face.connect()
  allowed.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', 'content-length: 2', 'expect: 100-continue')
  await allowed.until(/^HTTP\/1.1 100 Continue/)
  allowed.write('{}')
  await allowed.until(/HTTP\/1.1 200 OK/)
})

test('a body that grows over the limit is refused while it comes, and the sender can read why', async () => {
  await using face = await TestFace.start({ bodyBytesMax: 1024 * 1024 })
  using raw = await face.connect()
  raw.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', 'transfer-encoding: chunked')
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  for (let sent = 0; sent < 64 && !raw.text.includes('413') && !raw.socket.destroyed; sent++)
    if (!raw.socket.write(chunk)) await Promise.race([once(raw.socket, 'drain'), raw.closed])
  assert.match(await raw.until(/call\/too-large/), /^HTTP\/1.1 413/)
  await raw.closed
})

test('JSON has a limit of its own, far below that of tensors', async () => {
  await using face = await TestFace.start({ bodyBytesMax: 64 * 1024 * 1024 })
  const body = JSON.stringify({ payload: 'x'.repeat(JSON_BYTES_MAX) })
  const refused = await face.fetch('/v1/system/echo', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  assert.equal(refused.status, 413)
  assert.match(((await refused.json()) as { detail: string }).detail, /for JSON; send tensors as application\/x-soma-frame/)
  const frame = Buffer.concat(
    encodeFrame({ tensors: [{ name: 't', dtype: 'uint8', shape: [JSON_BYTES_MAX], data: new Uint8Array(JSON_BYTES_MAX) }] }),
  )
  const taken = await face.fetch('/v1/system/echo', { method: 'POST', body: frame, headers: { 'content-type': FRAME_CONTENT_TYPE } })
  assert.equal(taken.status, 200)
})

test('nobody’s body is read for a call that they may not make whatever it says', async () => {
  const dispatcher = new FakeDispatcher()
  dispatcher.mayCall = (): boolean => false
  await using face = await TestFace.start({}, { dispatcher })
  using raw = await face.connect()
  raw.head('POST /v1/models/x/infer HTTP/1.1', 'content-type: application/json', 'content-length: 1000000')
  // The fake takes what the real kernel refuses; that the answer is here before the body is the point.
  await raw.until(/^HTTP\/1.1 4\d\d /)
})

test('a body in one-byte chunks comes whole', async () => {
  await using face = await TestFace.start()
  using raw = await face.connect()
  const body = JSON.stringify({ payload: 'x'.repeat(500_000) })
  raw.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', 'transfer-encoding: chunked')
  raw.write(`${Array.from(body, (letter) => `1\r\n${letter}\r\n`).join('')}0\r\n\r\n`)
  await raw.until(/HTTP\/1.1 200 OK/)
  assert.deepEqual(face.dispatcher.calls.at(-1)?.input, { payload: 'x'.repeat(500_000), tensors: [] })
})

test('all bodies together have a limit, and it is given back', async () => {
  const half = 600 * 1024
  await using face = await TestFace.start({ limits: { bodiesBytesMax: 1024 * 1024 } })
  const gate = Promise.withResolvers<void>()
  using _ = behave(face.dispatcher, 'system.echo', async () => {
    await gate.promise
    return { payload: null, tensors: [] }
  })
  const body = { payload: 'x'.repeat(half) }
  const first = face.post('/v1/system/echo', body)
  await until(() => face.dispatcher.active === 1, 'the first call runs')
  const second = await face.post('/v1/system/echo', body)
  assert.deepEqual([second.status, ((await second.json()) as { code: string }).code], [503, 'resource/exhausted'])
  gate.resolve()
  assert.equal((await first).status, 200)
  assert.equal((await face.post('/v1/system/echo', body)).status, 200)
})

test('what is no HTTP gets 400 or silence, and only that connection ends', async () => {
  await using face = await TestFace.start()
  const garbage = [
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc',
    'GET / HTTP/9.9\r\n\r\n',
    'GET / HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n',
    'POST /v1/system/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello',
    'POST /v1/system/echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nhello',
    'POST /v1/system/echo HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
    'GET\0/ HTTP/1.1\r\n\r\n',
  ]
  for (const bytes of garbage) {
    using raw = await face.connect()
    raw.write(Buffer.from(bytes, 'latin1'))
    await raw.closed
    assert.match(raw.text, /^$|^HTTP\/1.1 400 [^]*call\/malformed/, JSON.stringify(bytes))
  }
  assert.equal(face.dispatcher.calls.length, 0)
  assert.equal((await face.fetch('/v1/system/health')).status, 200)
})

test('headers over the limit get 431', async () => {
  await using face = await TestFace.start()
  using raw = await face.connect()
  raw.head('GET /v1/models HTTP/1.1', `x-large: ${'x'.repeat(20_000)}`)
  await raw.closed
  assert.match(raw.text, /^HTTP\/1.1 431 [^]*call\/too-large/)
})

test('garbage behind a request does not mix with its answer', async () => {
  await using face = await TestFace.start()
  using _ = behave(
    face.dispatcher,
    'system.doctor',
    (_input, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  )
  using raw = await face.connect()
  raw.head('GET /v1/system/doctor HTTP/1.1')
  await until(() => face.dispatcher.active === 1, 'the call runs')
  raw.write('\0\0\0\0\r\n\r\n')
  await raw.closed
  assert.equal(raw.text, '')
  await until(() => face.dispatcher.active === 0, 'the call was aborted')
})

test('a client that goes away, or closes its half, aborts its call', async () => {
  await using face = await TestFace.start()
  using _ = behave(
    face.dispatcher,
    'system.doctor',
    (_input, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  )
  for (const leave of ['destroy', 'end', 'resetAndDestroy'] as const) {
    using raw = await face.connect()
    raw.head('GET /v1/system/doctor HTTP/1.1')
    await until(() => face.dispatcher.active === 1, 'the call runs')
    raw.socket[leave]()
    await until(() => face.dispatcher.active === 0, `the call ends after ${leave}`)
  }
})

test('a client that leaves inside its body leaves nothing behind', async () => {
  await using face = await TestFace.start()
  for (let round = 0; round < 20; round++) {
    using raw = await face.connect()
    raw.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', 'content-length: 1000')
    raw.write('{"payload":')
    raw.socket.end()
    await raw.closed
  }
  assert.equal(face.dispatcher.calls.length, 0)
  assert.equal((await face.post('/v1/system/echo', {})).status, 200)
})

test('a reader that stops taking its answer is cut off, after events were held back', async () => {
  await using face = await TestFace.start({ limits: quick })
  let sent = 0
  const text = 'x'.repeat(64 * 1024)
  using _ = behave(face.dispatcher, 'model.generate', async function* () {
    for (; ; sent++) yield { text }
  })
  using raw = await face.connect()
  raw.socket.pause()
  raw.head('POST /v1/models/m/generate HTTP/1.1', 'accept: text/event-stream', 'content-type: application/json', 'content-length: 14')
  raw.write('{"prompt":"p"}')
  await until(() => sent > 0, 'the stream begins')
  const ahead = await settled(() => sent)
  assert.ok(ahead < 600, `${ahead} events of 64 KiB were sent to nobody`)
  await until(() => face.dispatcher.active === 0, 'the call ends')
})

test('connections over the limit are dropped, and a slot that is free again is used', async () => {
  await using face = await TestFace.start({ connectionsMax: 3, limits: { ...quick, headersMsMax: 60_000, requestMsMax: 60_000 } })
  const held = await Promise.all([face.connect(), face.connect(), face.connect()])
  using refused = await face.connect()
  await refused.closed
  held[0]?.socket.destroy()
  await held[0]?.closed
  using later = await face.connect()
  later.head('GET /healthz HTTP/1.1')
  await later.until(/200 OK/)
  for (const raw of held) raw[Symbol.dispose]()
})

test('pipelined requests are answered in order', async () => {
  await using face = await TestFace.start()
  using raw = await face.connect()
  const body = (payload: number): string => JSON.stringify({ payload })
  for (let payload = 0; payload < 10; payload++) {
    raw.head('POST /v1/system/echo HTTP/1.1', 'content-type: application/json', `content-length: ${body(payload).length}`)
    raw.write(body(payload))
  }
  const text = await raw.until(/"payload":9/)
  assert.deepEqual(
    [...text.matchAll(/"payload":(\d)/g)].map(([, payload]) => Number(payload)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
})

test('an address in use is said plainly', async () => {
  await using face = await TestFace.start()
  await assert.rejects(TestFace.start({ port: face.port }), { code: 'config/invalid', message: /another program uses it/ })
})
