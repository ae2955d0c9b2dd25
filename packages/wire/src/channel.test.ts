import assert from 'node:assert/strict'
import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { encodeFrame } from '@soma/spec'
import { type Channel, createChannel } from './index.ts'

/** Collects what a channel tells its receiver. */
function listen(channel: Channel): { readonly messages: unknown[]; readonly closed: Promise<unknown> } {
  const messages: unknown[] = []
  const { promise, resolve } = Promise.withResolvers<unknown>()
  channel.receive({ message: (message) => messages.push(message), closed: resolve })
  return { messages, closed: promise }
}

test('messages of one tick are one write', async () => {
  const writes: number[] = []
  const writable = new Writable({
    writev(chunks, done) {
      writes.push(chunks.length)
      done()
    },
  })
  const channel = createChannel({ readable: new PassThrough(), writable })
  for (let count = 0; count < 10; count++) void channel.send({ count })
  void channel.send({ data: Uint8Array.of(1, 2, 3) })
  await new Promise(setImmediate)
  // Ten frames, then one whose attachment is small enough to be joined with its header.
  assert.deepEqual(writes, [11])
})

test('sending waits for a reader that is slow, and resolves when it goes on', async () => {
  const writable = new PassThrough({ highWaterMark: 1000 })
  const channel = createChannel({ readable: new PassThrough(), writable })
  listen(channel)
  let isSent = false
  const sent = channel.send({ data: new Uint8Array(5000) }).then(() => (isSent = true))
  await new Promise(setImmediate)
  assert.equal(isSent, false)
  writable.resume()
  await sent
})

test('sending does not wait for ever when the stream is destroyed', async () => {
  const writable = new PassThrough({ highWaterMark: 10 })
  const channel = createChannel({ readable: new PassThrough(), writable })
  const { closed } = listen(channel)
  const sent = channel.send({ data: new Uint8Array(5000) })
  writable.destroy()
  await sent
  assert.ok((await closed) instanceof Error)
  await channel.send({ more: 1 })
})

test('a stream that ends between frames closes without a reason, inside one with a typed error', async () => {
  const [frame] = encodeFrame({ hello: 'you' })
  assert.ok(frame)
  for (const cut of [0, 1, 5]) {
    const readable = new PassThrough()
    const { messages, closed } = listen(createChannel({ readable, writable: new PassThrough() }))
    readable.end(frame.subarray(0, frame.byteLength - cut))
    const reason = await closed
    assert.equal(messages.length, cut === 0 ? 1 : 0)
    assert.ok(cut === 0 ? reason === undefined : isSomaError(reason, 'call/malformed'))
  }
})

test('after bytes that are no frame nothing is delivered any more', async () => {
  const readable = new PassThrough()
  const { messages, closed } = listen(createChannel({ readable, writable: new PassThrough() }))
  readable.write(Buffer.concat([Uint8Array.of(2, 0, 0, 0), Buffer.from('{]'), ...encodeFrame({ late: true })]))
  assert.ok(isSomaError(await closed, 'call/malformed'))
  readable.write(encodeFrame({ later: true })[0])
  await new Promise(setImmediate)
  assert.deepEqual(messages, [])
})

test('errors that come after the end are nobody’s uncaught exception', async () => {
  const writable = new PassThrough()
  const readable = new PassThrough()
  const channel = createChannel({ readable, writable })
  const { closed } = listen(channel)
  channel.destroy()
  await closed
  writable.emit('error', new Error('EPIPE'))
  readable.emit('error', new Error('ECONNRESET'))
})

test('ending writes what is queued first', async () => {
  const writable = new PassThrough()
  const channel = createChannel({ readable: new PassThrough(), writable })
  listen(channel)
  void channel.send({ last: 'words' })
  channel.end()
  const [chunk] = (await once(writable, 'data')) as [Uint8Array]
  assert.match(Buffer.from(chunk).toString(), /last.*words/)
})

test('what cannot be written is thrown at the sender, and nothing is sent', async () => {
  const writable = new PassThrough()
  const channel = createChannel({ readable: new PassThrough(), writable })
  assert.throws(() => channel.send({ big: 1n }), TypeError)
  await new Promise(setImmediate)
  assert.equal(writable.readableLength, 0)
})
