import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { SomaError, isSomaError } from '@soma/core'
import { decodeFrame, encodeFrame } from '@soma/spec'
import { type Answer, type Peer, type PeerOptions, createChannel, createPeer } from './index.ts'

interface Pair {
  readonly asker: Peer
  readonly answerer: Peer
  readonly toAnswerer: PassThrough
  readonly toAsker: PassThrough
}

const base: PeerOptions = {
  concurrencyMax: 8,
  streamWindow: 4,
  lost: (reason) => new SomaError('engine/crashed', `lost: ${String(reason)}`),
}

function pair(answer: Answer, options: Partial<PeerOptions> = {}): Pair {
  const toAnswerer = new PassThrough()
  const toAsker = new PassThrough()
  const asker = createPeer(createChannel({ readable: toAsker, writable: toAnswerer }), { ...base, ...options })
  const answerer = createPeer(createChannel({ readable: toAnswerer, writable: toAsker }), { ...base, ...options, answer })
  return { asker, answerer, toAnswerer, toAsker }
}

const echo: Answer = async (_method, input) => input
const never: Answer = () => new Promise(() => undefined)

/** Lets everything that can happen without time passing happen. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

test('a call gets its own output back, attachments included, with many under way', async () => {
  const { asker } = pair(echo, { concurrencyMax: 100 })
  const inputs = Array.from({ length: 100 }, (_, index) => ({ index, data: new Uint8Array(index).fill(index) }))
  const outputs = await Promise.all(inputs.map((input) => asker.call('echo', input)))
  assert.deepEqual(outputs, inputs)
  assert.equal(asker.active, 0)
})

test('calls go both ways over one connection', async () => {
  const toAnswerer = new PassThrough()
  const toAsker = new PassThrough()
  const left = createPeer(createChannel({ readable: toAsker, writable: toAnswerer }), { ...base, answer: async () => 'left' })
  const right = createPeer(createChannel({ readable: toAnswerer, writable: toAsker }), {
    ...base,
    answer: async () => `right knows ${String(await right.call('who', {}))}`,
  })
  assert.equal(await left.call('who', {}), 'right knows left')
})

test('large messages in both directions at once do not block each other', async () => {
  const { asker } = pair(echo)
  const data = new Uint8Array(3_000_000).fill(7)
  const outputs = await Promise.all(Array.from({ length: 4 }, () => asker.call('echo', { data })))
  for (const output of outputs) assert.ok(Buffer.from((output as { data: Uint8Array }).data).equals(data))
})

test('a typed error arrives as itself, anything else as internal', async () => {
  const { asker } = pair((method) => {
    if (method === 'typed') throw new SomaError('model/not-found', 'no such model', { details: { name: 'x' }, retryable: true })
    return Promise.reject(new Error('oops'))
  })
  const isTyped = (error: unknown): boolean => isSomaError(error, 'model/not-found') && error.details['name'] === 'x' && error.retryable
  await assert.rejects(asker.call('typed', {}), isTyped)
  await assert.rejects(asker.call('other', {}), (error) => isSomaError(error, 'internal') && error.message === 'oops')
})

test('an output that cannot be written is an error for its caller alone', async () => {
  const { asker } = pair(async (method) => (method === 'bad' ? { big: 1n } : undefined))
  await assert.rejects(asker.call('bad', {}), (error) => isSomaError(error, 'internal'))
  await assert.rejects(asker.call('x', { big: 1n }), (error) => isSomaError(error, 'internal'))
  assert.equal(await asker.call('good', undefined), null)
})

test('aborting rejects at once with the reason, and aborts the answer', async () => {
  const { promise: aborted, resolve } = Promise.withResolvers<unknown>()
  const { asker, answerer } = pair(
    (_method, _input, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          resolve(signal.reason)
          reject(new Error('stopped'))
        })
      }),
  )
  const cancel = new AbortController()
  const call = asker.call('wait', {}, { signal: cancel.signal })
  await settle()
  cancel.abort()
  await assert.rejects(call, (error) => isSomaError(error, 'call/cancelled'))
  assert.ok(isSomaError(await aborted, 'call/cancelled'))
  await settle()
  assert.equal(answerer.active, 0)
  await assert.rejects(asker.call('wait', {}, { signal: AbortSignal.abort() }), (error) => isSomaError(error, 'call/cancelled'))
})

test('a signal that is looked at only after the cancellation is aborted already', async () => {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const { asker } = pair(async (_method, _input, ctx) => {
    await settle()
    resolve(ctx.signal.aborted)
  })
  const cancel = new AbortController()
  const call = asker.call('wait', {}, { signal: cancel.signal })
  cancel.abort()
  await assert.rejects(call)
  assert.equal(await late, true)
})

test('a stream gives its events in order, then its output', async () => {
  const { asker } = pair(async function* () {
    for (let count = 0; count < 100; count++) yield count
    return 'done'
  })
  const stream = asker.stream('count', {})
  const events: unknown[] = []
  for await (const event of stream) events.push(event)
  assert.deepEqual(
    events,
    Array.from({ length: 100 }, (_, index) => index),
  )
  assert.equal(await stream.output, 'done')
})

test('a failed stream gives the events before the error, and is no unhandled rejection when only iterated', async () => {
  const { asker } = pair(async function* () {
    yield 1
    yield 2
    throw new SomaError('model/not-found', 'gone')
  })
  const events: unknown[] = []
  const reading = async (): Promise<void> => {
    for await (const event of asker.stream('fail', {})) events.push(event)
  }
  await assert.rejects(reading(), (error) => isSomaError(error, 'model/not-found'))
  assert.deepEqual(events, [1, 2])
  await settle()
})

test('a slow reader stops the sender at the window', async () => {
  let made = 0
  const { asker } = pair(async function* () {
    while (made < 1000) yield made++
  })
  const events = asker.stream('count', {})[Symbol.asyncIterator]()
  await settle()
  assert.equal(made, base.streamWindow)
  await events.next()
  await events.next()
  await settle()
  assert.equal(made, base.streamWindow + 2)
  for (let count = 2; count < 1000; count++) assert.equal((await events.next()).value, count)
  assert.equal((await events.next()).done, true)
})

test('leaving a loop early runs the generator’s finally on the other side', async () => {
  const { promise: left, resolve } = Promise.withResolvers<boolean>()
  const { asker, answerer } = pair(async function* (_method, _input, { signal }) {
    try {
      for (let count = 0; ; count++) yield count
    } finally {
      resolve(signal.aborted)
    }
  })
  const stream = asker.stream('count', {})
  for await (const event of stream) if (event === 5) break
  assert.equal(await left, true)
  await assert.rejects(stream.output, (error) => isSomaError(error, 'call/cancelled'))
  await settle()
  assert.equal(asker.active + answerer.active, 0)
})

test('an aborted stream throws its reason', async () => {
  const { asker } = pair(async function* () {
    yield 1
    await new Promise(() => undefined)
  })
  const cancel = new AbortController()
  const events = asker.stream('wait', {}, { signal: cancel.signal })[Symbol.asyncIterator]()
  await events.next()
  const next = events.next()
  cancel.abort(new SomaError('call/timeout', 'too long'))
  await assert.rejects(next, (error) => isSomaError(error, 'call/timeout'))
  assert.equal((await events.next()).done, true)
})

test('a plain call of a streaming method gets its output and no events', async () => {
  const { asker } = pair(async function* () {
    yield 'unasked'
    return 'done'
  })
  assert.equal(await asker.call('count', {}), 'done')
})

test('a stream of a plain method is its output', async () => {
  const { asker } = pair(echo)
  const stream = asker.stream('echo', 'x')
  for await (const event of stream) assert.fail(`an event: ${String(event)}`)
  assert.equal(await stream.output, 'x')
})

test('calls over the limit are refused, and a place that becomes free is used', async () => {
  const open: Array<() => void> = []
  const { asker } = pair((method) =>
    method === 'hold' ? new Promise((resolve) => open.push(() => resolve('held'))) : Promise.resolve('ok'),
  )
  const held = Array.from({ length: base.concurrencyMax }, () => asker.call('hold', {}))
  await assert.rejects(asker.call('quick', {}), (error) => isSomaError(error, 'resource/exhausted') && error.retryable)
  open.pop()?.()
  await Promise.race(held)
  assert.equal(await asker.call('quick', {}), 'ok')
  for (const release of open) release()
  await Promise.all(held)
})

test('an end without an answer function refuses calls', async () => {
  const { answerer } = pair(echo)
  await assert.rejects(answerer.call('any', {}), (error) => isSomaError(error, 'call/unknown'))
})

test('a lost connection fails every call under way and aborts every answer', async () => {
  const aborted: unknown[] = []
  const { asker, answerer, toAsker } = pair((_method, _input, { signal }) => {
    signal.addEventListener('abort', () => aborted.push(signal.reason))
    return new Promise(() => undefined)
  })
  const stream = asker.stream('wait', {})
  const calls = [asker.call('wait', {}), asker.call('wait', {}), stream.output]
  await settle()
  toAsker.destroy(new Error('gone'))
  for (const call of calls) await assert.rejects(call, (error) => isSomaError(error, 'engine/crashed') && /gone/.test(error.message))
  assert.ok(isSomaError(await asker.closed, 'engine/crashed'))
  assert.ok(isSomaError(await answerer.closed, 'engine/crashed'))
  assert.equal(aborted.length, 3)
  await assert.rejects(asker.call('late', {}), (error) => isSomaError(error, 'engine/crashed'))
})

test('disposing waits for what is under way, takes no more, and ends both sides in order', async () => {
  const { promise: answered, resolve } = Promise.withResolvers<unknown>()
  const { asker, answerer } = pair(() => answered)
  const call = asker.call('slow', {})
  await settle()
  let isClosed = false
  const closing = asker[Symbol.asyncDispose]().then(() => (isClosed = true))
  await assert.rejects(asker.call('more', {}), (error) => isSomaError(error, 'resource/exhausted'))
  await settle()
  assert.equal(isClosed, false)
  resolve('answer')
  assert.equal(await call, 'answer')
  await closing
  assert.equal(await asker.closed, undefined)
  assert.equal(await answerer.closed, undefined)
})

const violations: Readonly<Record<string, unknown>> = {
  'a string': 'hello',
  nothing: null,
  'no number': { method: 'echo', input: 1 },
  'a number below 1': { id: 0, method: 'echo' },
  'a fraction': { id: 1.5, method: 'echo' },
  'a method that is no name': { id: 1, method: 7 },
  'a method longer than any name': { id: 1, method: 'x'.repeat(1000) },
  'credit that is no count': { id: 1, method: 'echo', more: -1 },
  'a message that says nothing': { id: 1 },
}

for (const [what, message] of Object.entries(violations))
  test(`${what} in place of a message closes the connection`, async () => {
    const { answerer, toAnswerer } = pairWithoutAsker(echo)
    for (const part of encodeFrame(message)) toAnswerer.write(part)
    assert.ok(isSomaError(await answerer.closed, 'engine/crashed'))
  })

test('over a real socket, who sends garbage is told why before it is cut off', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'soma-wire-'))
  const server = createServer((socket) => createPeer(createChannel({ readable: socket, writable: socket }), { ...base, answer: echo }))
  try {
    server.listen(join(folder, 'socket'))
    await once(server, 'listening')
    for (const garbage of ['GET / HTTP/1.1\r\n\r\n', Buffer.concat(encodeFrame({ id: 0 }))]) {
      const socket = connect(join(folder, 'socket'))
      socket.write(garbage)
      const chunks: Uint8Array[] = []
      for await (const chunk of socket) chunks.push(chunk as Uint8Array)
      const told = decodeFrame(new Uint8Array(Buffer.concat(chunks))) as { error: { code: string } }
      assert.match(told.error.code, /^call\/(malformed|too-large)$/)
    }
  } finally {
    server.close()
    await rm(folder, { recursive: true })
  }
})

function pairWithoutAsker(answer: Answer): Omit<Pair, 'asker'> {
  const toAnswerer = new PassThrough()
  const toAsker = new PassThrough()
  const answerer = createPeer(createChannel({ readable: toAnswerer, writable: toAsker }), { ...base, answer })
  return { answerer, toAnswerer, toAsker }
}

test('the same number for two calls at once closes the connection', async () => {
  const { answerer, toAnswerer } = pairWithoutAsker(never)
  for (let twice = 0; twice < 2; twice++) for (const part of encodeFrame({ id: 1, method: 'wait', input: 1 })) toAnswerer.write(part)
  assert.ok(isSomaError(await answerer.closed))
})

test('events beyond the window close the connection', async () => {
  const toAsker = new PassThrough()
  const asker = createPeer(createChannel({ readable: toAsker, writable: new PassThrough() }), base)
  const stream = asker.stream('flood', {})
  for (let count = 0; count <= base.streamWindow; count++) for (const part of encodeFrame({ id: 1, event: count })) toAsker.write(part)
  await assert.rejects(stream.output, (error) => isSomaError(error, 'engine/crashed') && /did not ask/.test(error.message))
})

test('who only sends calls and never reads is cut off before its refusals fill the memory', async () => {
  const { answerer, toAnswerer } = pairWithoutAsker(never)
  for (let id = 1; id < 30_000; id++) {
    toAnswerer.write(Buffer.concat(encodeFrame({ id, method: 'wait', input: 1 })))
    if (id % 100 === 0) await new Promise(setImmediate)
  }
  assert.ok(isSomaError(await answerer.closed))
})

test('answers, events and credit for calls that are over are ignored', async () => {
  const { asker, toAsker } = pair(echo)
  for (const late of [{ id: 9, output: 1 }, { id: 9, error: {} }, { id: 9, event: 1 }, { id: 9, more: 1 }, { cancel: 9 }])
    for (const part of encodeFrame(late)) toAsker.write(part)
  assert.equal(await asker.call('echo', 'still here'), 'still here')
})

test('an error that is no problem document is still an error', async () => {
  const toAsker = new PassThrough()
  const asker = createPeer(createChannel({ readable: toAsker, writable: new PassThrough() }), base)
  const calls = [asker.call('a', {}), asker.call('b', {}), asker.call('c', {})]
  const errors = [7, { code: 'no/such-code', detail: 'x' }, { code: 'model/not-found', detail: 'y', details: [1], retryable: 'perhaps' }]
  for (const [index, error] of errors.entries()) for (const part of encodeFrame({ id: index + 1, error })) toAsker.write(part)
  await assert.rejects(calls[0]!, (error) => isSomaError(error, 'internal'))
  await assert.rejects(calls[1]!, (error) => isSomaError(error, 'internal') && /no\/such-code/.test(error.message))
  await assert.rejects(calls[2]!, (error) => isSomaError(error, 'model/not-found') && !error.retryable)
})
