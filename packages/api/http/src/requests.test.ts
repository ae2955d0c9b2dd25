import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANONYMOUS, OWNER, SomaError } from '@soma/core'
import { type Tensor, decodeFrame, encodeFrame } from '@soma/spec'
import { FAKE_TOKEN, behave } from '@soma/testkit/face'
import { TestFace } from './test-face.ts'

interface ProblemBody {
  readonly code: string
  readonly status: number
  readonly detail: string
}

async function problem(response: Response): Promise<ProblemBody> {
  assert.equal(response.headers.get('content-type'), 'application/problem+json')
  assert.match(response.headers.get('soma-call') ?? '', /^call_[0-9a-z]{16}$/)
  const body = (await response.json()) as ProblemBody
  assert.equal(body.status, response.status)
  return body
}

test('an input comes from path, query and body, coerced by the call’s schema', async () => {
  await using face = await TestFace.start()
  await face.fetch('/v1/events/recent?names=model.*&names=a.b&afterSeq=7&limit=3')
  await face.fetch('/v1/models/ocr')
  await face.post('/v1/models/ocr/generate', { prompt: 'p', maxTokens: 5 })
  assert.deepEqual(
    face.dispatcher.calls.map(({ name, input }) => [name, input]),
    [
      ['event.list', { names: ['model.*', 'a.b'], afterSeq: 7, limit: 3 }],
      ['model.show', { model: 'ocr' }],
      ['model.generate', { model: 'ocr', prompt: 'p', maxTokens: 5 }],
    ],
  )
})

test('one repeated parameter is a list, and text that is no number is refused by the schema', async () => {
  await using face = await TestFace.start()
  await face.fetch('/v1/events/recent?names=model.*')
  assert.deepEqual((face.dispatcher.calls[0]!.input as { names: unknown }).names, ['model.*'])
  for (const query of ['limit=many', 'limit=', 'limit=1&limit=2', 'limit=0x10', 'limit=%20', 'surprise=1', '__proto__=1'])
    assert.equal((await problem(await face.fetch(`/v1/events/recent?${query}`))).code, 'call/invalid-input', query)
})

test('a field in path and body must agree', async () => {
  await using face = await TestFace.start()
  assert.equal((await face.post('/v1/models/ocr/generate', { model: 'ocr', prompt: '' })).status, 200)
  const refused = await problem(await face.post('/v1/models/ocr/generate', { model: 'other', prompt: '' }))
  assert.match(refused.detail, /"model" is given more than once/)
})

test('a literal path wins over a parameter, for the methods it has', async () => {
  await using face = await TestFace.start()
  await face.post('/v1/models/verify', {})
  await face.fetch('/v1/models/verify', { method: 'DELETE' })
  assert.deepEqual(
    face.dispatcher.calls.map(({ name }) => name),
    ['model.verify', 'model.remove'],
  )
})

test('path parameters are percent-decoded once; what cannot be decoded is malformed', async () => {
  await using face = await TestFace.start()
  assert.equal((await problem(await face.fetch('/v1/models/a%2Fb'))).code, 'call/invalid-input')
  assert.equal((await problem(await face.fetch('/v1/models/%ff'))).code, 'call/malformed')
  assert.equal((await problem(await face.fetch('/v1/models/a%252e'))).code, 'call/invalid-input')
})

test('a picture as body becomes the tensor that the query names', async () => {
  await using face = await TestFace.start()
  const picture = new Uint8Array([0x89, 0x50, 0xff, 0])
  for (const contentType of ['image/png', 'application/x-www-form-urlencoded'])
    await face.fetch('/v1/models/ocr/infer?input=page&outputs=text', {
      method: 'POST',
      body: picture,
      headers: { 'content-type': contentType },
    })
  for (const { input } of face.dispatcher.calls) {
    const { model, inputs, outputs } = input as { model: string; inputs: readonly Tensor[]; outputs: readonly string[] }
    assert.deepEqual([model, outputs, inputs[0]?.name, inputs[0]?.dtype, inputs[0]?.shape], ['ocr', ['text'], 'page', 'uint8', [4]])
    assert.deepEqual(new Uint8Array(inputs[0]?.data ?? []), picture)
  }
  assert.equal(face.dispatcher.calls.length, 2)
  const unknown = await face.fetch('/v1/models/ocr/infer?page=1', {
    method: 'POST',
    body: picture,
    headers: { 'content-type': 'image/png' },
  })
  assert.equal((await problem(unknown)).code, 'call/invalid-input')
})

test('a body that no call takes is refused with what would work', async () => {
  await using face = await TestFace.start()
  const send = async (body: BodyInit, headers: Record<string, string>): Promise<ProblemBody> =>
    problem(await face.fetch('/v1/system/echo', { method: 'POST', body, headers }))
  assert.match((await send('a=1', { 'content-type': 'text/plain' })).detail, /takes application\/json or application\/x-soma-frame/)
  assert.equal((await send('{}', { 'content-type': 'application/json', 'content-encoding': 'gzip' })).status, 415)
  assert.equal((await send('{}', { 'content-type': 'application/json; charset=latin1' })).status, 415)
  assert.equal((await send('{"a', { 'content-type': 'application/json' })).code, 'call/malformed')
  assert.equal((await send(new Uint8Array([0x22, 0xff, 0x22]), { 'content-type': 'application/json' })).code, 'call/malformed')
  assert.equal((await send('['.repeat(100_000) + ']'.repeat(100_000), { 'content-type': 'application/json' })).code, 'call/too-large')
  assert.equal((await send('[1]', { 'content-type': 'application/json' })).code, 'call/invalid-input')
  assert.equal((await send(new Uint8Array([1, 2]), { 'content-type': 'application/x-soma-frame' })).code, 'call/malformed')
  assert.equal(face.dispatcher.calls.length, 0)
})

test('JSON with charset utf-8 is taken, and __proto__ is plain data', async () => {
  await using face = await TestFace.start()
  const body = '{"payload":{"__proto__":{"polluted":true},"constructor":1}}'
  const response = await face.fetch('/v1/system/echo', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json; charset=UTF-8' },
  })
  assert.equal(response.status, 200)
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})

test('tensors are values in JSON, both ways, and attachments in frames', async () => {
  await using face = await TestFace.start()
  const written = [
    { name: 'big', dtype: 'int64', shape: [2], values: [1, '9007199254740993'] },
    { name: 'odd', dtype: 'float32', shape: [1, 2], values: ['NaN', 0.5] },
    { name: 'text', dtype: 'string', shape: [1], values: ['ü'] },
  ]
  const json = await face.post('/v1/system/echo', { tensors: written })
  assert.deepEqual(await json.json(), { payload: null, tensors: written })
  const framed = await face.post('/v1/system/echo', { tensors: written }, { accept: 'application/json;q=0.5, application/x-soma-frame' })
  assert.equal(framed.headers.get('content-type'), 'application/x-soma-frame')
  const { tensors } = decodeFrame(new Uint8Array(await framed.arrayBuffer())) as { tensors: readonly Tensor[] }
  assert.deepEqual(new BigInt64Array(tensors[0]!.data.slice().buffer), new BigInt64Array([1n, 9007199254740993n]))
  const back = await face.fetch('/v1/system/echo', {
    method: 'POST',
    body: Buffer.concat(encodeFrame({ tensors })),
    headers: { 'content-type': 'application/x-soma-frame' },
  })
  assert.deepEqual(await back.json(), { payload: null, tensors: written })
})

test('every error has its status, and the id of its call', async () => {
  await using face = await TestFace.start()
  using _ = behave(face.dispatcher, 'model.show', () => Promise.reject(new SomaError('model/not-found', 'no model "x"; did you mean "y"?')))
  const missing = await problem(await face.fetch('/v1/models/x'))
  assert.deepEqual([missing.status, missing.code, missing.detail], [404, 'model/not-found', 'no model "x"; did you mean "y"?'])
  using _full = behave(face.dispatcher, 'model.show', () => Promise.reject(new SomaError('store/disk-full', 'full')))
  assert.equal((await problem(await face.fetch('/v1/models/x'))).status, 507)
})

test('unknown paths are 404, unknown methods 405 with what there is', async () => {
  await using face = await TestFace.start()
  for (const path of ['/v1/nothing', '/v1/models/', '/v1/models//infer', '/v2', '//v1/models', '/v1/models/a/b/c'])
    assert.equal((await problem(await face.fetch(path))).code, 'call/unknown', path)
  const wrong = await face.fetch('/v1/models/ocr', { method: 'PUT' })
  assert.equal((await problem(wrong)).code, 'call/method-not-allowed')
  assert.deepEqual(wrong.headers.get('allow')?.split(', '), ['GET', 'HEAD', 'DELETE', 'OPTIONS'])
  const page = await face.fetch('/healthz', { method: 'POST' })
  assert.deepEqual([page.status, page.headers.get('allow')], [405, 'GET, HEAD, OPTIONS'])
})

test('HEAD answers like GET without a body, except for streams; OPTIONS says what there is', async () => {
  await using face = await TestFace.start()
  const head = await face.fetch('/v1/models', { method: 'HEAD' })
  assert.deepEqual([head.status, await head.text()], [200, ''])
  assert.ok(Number(head.headers.get('content-length')) > 0)
  assert.equal((await face.fetch('/v1/events', { method: 'HEAD' })).status, 405)
  const options = await face.fetch('/v1/models', { method: 'OPTIONS' })
  assert.deepEqual([options.status, options.headers.get('allow')], [204, 'POST, GET, HEAD, OPTIONS'])
  assert.equal((await face.fetch('/v1/nothing', { method: 'OPTIONS' })).status, 404)
})

test('GET takes no body', async () => {
  await using face = await TestFace.start()
  using raw = await face.connect()
  raw.head('GET /v1/models HTTP/1.1', 'content-length: 2')
  raw.write('{}')
  assert.match(await raw.until(/call\/malformed/), /^HTTP\/1.1 400/)
})

test('who calls: a token’s principal, anonymous from this machine, nobody through a proxy', async () => {
  await using face = await TestFace.start()
  await face.fetch('/v1/system/health', { headers: { authorization: `Bearer ${FAKE_TOKEN}` } })
  await face.fetch('/v1/system/health')
  assert.deepEqual(
    face.dispatcher.calls.map(({ caller }) => caller),
    [
      { principal: OWNER, face: 'http' },
      { principal: ANONYMOUS, face: 'http' },
    ],
  )
  for (const headers of [
    { authorization: 'Bearer wrong' },
    { authorization: 'Basic dTpw' },
    { authorization: '' },
    { 'x-forwarded-for': '203.0.113.9' },
    { forwarded: 'for=203.0.113.9' },
  ]) {
    const response = await face.fetch('/v1/system/health', { headers: headers as unknown as Record<string, string> })
    assert.equal(response.headers.get('www-authenticate'), 'Bearer')
    assert.equal((await problem(response)).code, 'capability/unauthenticated')
  }
  assert.equal(face.dispatcher.calls.length, 2)
})

test('only our own names and the allowed ones are answered to', async () => {
  await using face = await TestFace.start({ allowedHosts: ['soma.example', 'other.example:8080'] })
  const status = async (host: string): Promise<number> => {
    using raw = await face.connect()
    raw.write(`GET /v1/system/health HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
    return Number(/^HTTP\/1.1 (\d+)/.exec(await raw.until(/\r\n\r\n/))?.[1])
  }
  const fine = [
    'localhost',
    'LOCALHOST:80',
    '127.0.0.1',
    `127.0.0.1:${face.port}`,
    '[::1]:7662',
    'soma.example',
    'soma.example:1',
    'other.example:8080',
  ]
  for (const host of fine) assert.equal(await status(host), 200, host)
  const refused = [
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1',
    '',
    'other.example',
    '[::2]',
    'localhost@evil.example',
  ]
  for (const host of refused) assert.equal(await status(host), 403, host)
})

test('pages of other origins are refused, allowed ones get CORS headers, our own need none', async () => {
  await using face = await TestFace.start({ allowedOrigins: ['http://localhost:3000'] })
  const from = async (origin: string, init: RequestInit = {}): Promise<Response> =>
    face.fetch('/v1/system/health', { ...init, headers: { origin, ...(init.headers as Record<string, string>) } })
  const others = ['https://127.0.0.1', 'http://127.0.0.1', 'http://localhost'].map(
    (origin) => `${origin}:${face.port === 3001 ? 3002 : 3001}`,
  )
  for (const origin of ['https://evil.example', 'null', ...others, `https://127.0.0.1:${face.port}`, 'http://127.0.0.1'])
    assert.equal((await problem(await from(origin))).code, 'call/host-refused', origin)
  assert.equal(face.dispatcher.calls.length, 0)
  const own = await from(face.url)
  assert.deepEqual([own.status, own.headers.get('access-control-allow-origin')], [200, null])
  const allowed = await from('http://localhost:3000')
  assert.equal(allowed.headers.get('access-control-allow-origin'), 'http://localhost:3000')
  assert.equal(allowed.headers.get('vary'), 'Origin')
  const preflight = await from('http://localhost:3000', { method: 'OPTIONS', headers: { 'access-control-request-method': 'GET' } })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /authorization/)
  const headers = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization, x-stainless-os' }
  const asking = await from('http://localhost:3000', { method: 'OPTIONS', headers })
  assert.equal(asking.headers.get('access-control-allow-headers'), 'authorization, x-stainless-os')
  const evil = await from('https://evil.example', { method: 'OPTIONS', headers: { 'access-control-request-method': 'GET' } })
  assert.deepEqual([evil.status, evil.headers.get('access-control-allow-origin')], [403, null])
})
