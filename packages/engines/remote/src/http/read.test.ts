import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readEvents } from './read.ts'

const origin = 'http://127.0.0.1:1'

test('events are read whatever pieces they come in; comments and names say nothing', async () => {
  const text = ': hello\n\nevent: x\ndata: one\ndata:two\n\ndata: three'
  const pieces = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of new TextEncoder().encode(text)) controller.enqueue(Uint8Array.of(byte))
      controller.close()
    },
  })
  assert.deepEqual(await Array.fromAsync(readEvents(origin, new Response(pieces))), ['one\ntwo', 'three'])
})

test('an event that does not end is refused before it fills memory', async () => {
  const line = new TextEncoder().encode(`data: ${'x'.repeat(64 * 1024)}\n`)
  let sent = 0
  const endless = new ReadableStream<Uint8Array>({ pull: (controller) => ((sent += line.byteLength), controller.enqueue(line)) })
  await assert.rejects(Array.fromAsync(readEvents(origin, new Response(endless))), {
    code: 'engine/failed',
    message: /an event .* is over/,
  })
  assert.ok(sent < 2 ** 28, `${sent} bytes`)
})
