import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SomaError } from '@soma/core'
import { createTestClock, settle } from '@soma/testkit/clock'
import { behave, until } from '@soma/testkit/face'
import { TestFace } from './test-face.ts'

const done = { text: 'ab', timings: { queueMs: 0, loadMs: 0, runMs: 0 } }

async function* twoPieces(): AsyncGenerator<unknown, unknown, void> {
  yield { text: 'a' }
  yield { text: 'b' }
  return done
}

const prompt = { prompt: 'p' }

test('server-sent events name each part', async () => {
  await using face = await TestFace.start()
  using _ = behave(face.dispatcher, 'model.generate', twoPieces)
  const response = await face.post('/v1/models/m/generate', prompt, { accept: 'text/event-stream' })
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  assert.match(response.headers.get('soma-call') ?? '', /^call_/)
  assert.equal(
    await response.text(),
    `event: event\ndata: {"text":"a"}\n\nevent: event\ndata: {"text":"b"}\n\nevent: output\ndata: ${JSON.stringify(done)}\n\n`,
  )
})

test('NDJSON has one part a line', async () => {
  await using face = await TestFace.start()
  using _ = behave(face.dispatcher, 'model.generate', twoPieces)
  const response = await face.post('/v1/models/m/generate', prompt, { accept: 'application/x-ndjson' })
  const lines = (await response.text()).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => JSON.parse(line) as unknown),
    [{ event: { text: 'a' } }, { event: { text: 'b' } }, { output: done }],
  )
})

test('a client that asks for JSON gets the output alone', async () => {
  await using face = await TestFace.start()
  using _ = behave(face.dispatcher, 'model.generate', twoPieces)
  for (const accept of ['application/json', '*/*', 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8', 'text/event-stream;q=0']) {
    const response = await face.post('/v1/models/m/generate', prompt, { accept })
    assert.equal(response.headers.get('content-type'), 'application/json')
    assert.deepEqual(await response.json(), done)
  }
})

test('an error before the first event has its own status, a later one comes in the stream', async () => {
  await using face = await TestFace.start()
  const thrown = new SomaError('engine/crashed', 'gone')
  using _early = behave(face.dispatcher, 'model.generate', async function* () {
    yield* []
    throw thrown
  })
  const early = await face.post('/v1/models/m/generate', prompt, { accept: 'text/event-stream' })
  assert.deepEqual([early.status, early.headers.get('content-type')], [502, 'application/problem+json'])
  using _late = behave(face.dispatcher, 'model.generate', async function* () {
    yield { text: 'a' }
    throw thrown
  })
  const late = await face.post('/v1/models/m/generate', prompt, { accept: 'text/event-stream' })
  const [, last = ''] = (await late.text()).trimEnd().split('\n\n')
  assert.match(last, /^event: error\ndata: /)
  assert.deepEqual(JSON.parse(last.slice(last.indexOf('{'))), thrown.toProblem())
})

test('an endless stream opens at once, says something when idle, and ends when the client leaves', async () => {
  const clock = createTestClock()
  await using face = await TestFace.start({}, { clock })
  let ended = false
  using _ = behave(face.dispatcher, 'event.subscribe', async function* (_input, { signal }) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    ended = true
    yield* []
    throw signal.reason
  })
  using raw = await face.connect()
  raw.head('GET /v1/events HTTP/1.1')
  await raw.until(/text\/event-stream[^]*\r\n\r\n/)
  await clock.advance(15_000)
  await raw.until(/: still here\n\n/)
  await clock.advance(15_000)
  await raw.until(/(: still here\n\n[^]*){2}/)
  raw.socket.destroy()
  await until(() => ended && face.dispatcher.active === 0, 'the call ends')
  assert.equal(clock.pending, 0)
})

test('a call that is slow to begin opens with a heartbeat, and an error then comes in the stream', async () => {
  const clock = createTestClock()
  await using face = await TestFace.start({}, { clock })
  const gate = Promise.withResolvers<never>()
  using _ = behave(face.dispatcher, 'model.generate', async function* () {
    yield* []
    await gate.promise
  })
  using raw = await face.connect()
  raw.head('POST /v1/models/m/generate HTTP/1.1', 'accept: application/x-ndjson', 'content-type: application/json', 'content-length: 14')
  raw.write('{"prompt":"p"}')
  await until(() => face.dispatcher.active === 1, 'the call begins')
  await settle()
  assert.equal(raw.text, '')
  await clock.advance(15_000)
  assert.match(await raw.until(/\{\}\n/), /^HTTP\/1.1 200/)
  gate.reject(new SomaError('model/load-failed', 'corrupt'))
  await raw.until(/"error":\{[^]*model\/load-failed/)
})

test('a drain lets calls finish, ends endless ones, and refuses new ones', async () => {
  const face = await TestFace.start()
  const gate = Promise.withResolvers<unknown>()
  using _slow = behave(face.dispatcher, 'system.doctor', () => gate.promise)
  using _endless = behave(face.dispatcher, 'event.subscribe', async function* (_input, { signal }) {
    yield { seq: 0, at: 0, name: 'a.b', resource: 'a/b', data: {} }
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  })
  using kept = await face.connect()
  kept.head('GET /healthz HTTP/1.1')
  await kept.until(/ok/)
  const slow = face.fetch('/v1/system/doctor')
  const endless = await face.fetch('/v1/events', { headers: { accept: 'application/x-ndjson' } })
  await until(() => face.dispatcher.active === 2, 'both calls run')
  const stopped = face.face.stop({ drainMs: 60_000 })
  assert.match(await endless.text(), /daemon\/stopping/)
  await assert.rejects(face.fetch('/healthz'))
  gate.resolve({ checks: [] })
  const answer = await slow
  assert.deepEqual([answer.status, answer.headers.get('connection'), await answer.json()], [200, 'close', { checks: [] }])
  await stopped
})

test('a drain ends what takes too long with daemon/stopping', async () => {
  const clock = createTestClock()
  const face = await TestFace.start({}, { clock })
  using _ = behave(
    face.dispatcher,
    'system.doctor',
    (_input, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  )
  const slow = face.fetch('/v1/system/doctor')
  await until(() => face.dispatcher.active === 1, 'the call runs')
  const stopped = face.face.stop({ drainMs: 5000 })
  await clock.advance(5000)
  const answer = await slow
  assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [503, 'daemon/stopping'])
  await stopped
})
