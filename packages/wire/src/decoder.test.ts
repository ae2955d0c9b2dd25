import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES_MAX, isSomaError } from '@soma/core'
import { encodeFrame } from '@soma/spec'
import fc from 'fast-check'
import { FrameDecoder } from './decoder.ts'

const limits = { headerBytes: FRAME_HEADER_BYTES_MAX, bodyBytes: FRAME_BODY_BYTES_MAX }

const bytes = fc.uint8Array({ maxLength: 300 })
const message = fc.object({
  maxDepth: 3,
  values: [
    fc.string({ unit: 'binary' }),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0),
    fc.boolean(),
    fc.constant(null),
    bytes,
  ],
})

function frameBytes(messages: readonly unknown[]): Uint8Array {
  return new Uint8Array(Buffer.concat(messages.flatMap((message) => encodeFrame(message))))
}

/** Cuts at the given places, and overwrites every chunk once it was pushed: nothing may be kept of it. */
function push(decoder: FrameDecoder, stream: Uint8Array, cuts: readonly number[]): void {
  const places = [0, ...cuts.map((cut) => cut % (stream.byteLength + 1)), stream.byteLength].sort((a, b) => a - b)
  for (const [index, begin] of places.entries()) {
    const chunk = stream.slice(begin, places[index + 1] ?? begin)
    decoder.push(chunk)
    chunk.fill(0xff)
  }
}

/** As JSON leaves them: -0 is 0, and `undefined` is not there. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

test('messages come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(), { maxLength: 20 }), (messages, cuts) => {
      const received: unknown[] = []
      const decoder = new FrameDecoder(limits, (message) => received.push(message))
      push(decoder, frameBytes(messages), cuts)
      assert.ok(decoder.atBoundary)
      assert.deepEqual(received, messages.map(plain))
    }),
    { numRuns: 300 },
  )
})

test('a cut-off stream is never at a boundary, and delivers only what is whole', () => {
  fc.assert(
    fc.property(message, fc.nat(), (message, cut) => {
      const received: unknown[] = []
      const decoder = new FrameDecoder(limits, (message) => received.push(message))
      const stream = frameBytes([message, message])
      const length = 1 + (cut % (stream.byteLength - 1))
      push(decoder, stream.subarray(0, length), [cut])
      assert.equal(decoder.atBoundary, length === stream.byteLength / 2)
      assert.equal(received.length, length >= stream.byteLength / 2 ? 1 : 0)
    }),
  )
})

function onlyTypedErrors(stream: Uint8Array, cuts: readonly number[]): void {
  const decoder = new FrameDecoder(limits, () => undefined)
  try {
    push(decoder, stream, cuts)
  } catch (error) {
    assert.ok(isSomaError(error), `untyped: ${String(error)}`)
  }
}

test('garbage gives typed errors only', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), fc.array(fc.nat(), { maxLength: 8 }), onlyTypedErrors), { numRuns: 500 })
})

test('frames with bytes changed give typed errors only', () => {
  const change = fc.tuple(fc.nat(), fc.nat(255))
  fc.assert(
    fc.property(
      message,
      fc.array(change, { minLength: 1, maxLength: 5 }),
      fc.array(fc.nat(), { maxLength: 4 }),
      (message, changes, cuts) => {
        const stream = frameBytes([message])
        for (const [place, value] of changes) stream[place % stream.byteLength] = value
        onlyTypedErrors(stream, cuts)
      },
    ),
    { numRuns: 500 },
  )
})

test('headers that only look right give typed errors only', () => {
  const key = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.constantFrom('__proto__', 'constructor'),
    fc.json().map((json): unknown => JSON.parse(json)),
  )
  const attachment = fc.record(
    { path: fc.oneof(fc.array(key), fc.jsonValue()), begin: fc.jsonValue(), end: fc.integer() },
    { requiredKeys: [] },
  )
  const header = fc.record(
    {
      message: fc.jsonValue(),
      bodyBytes: fc.oneof(fc.nat(64), fc.jsonValue()),
      attachments: fc.oneof(fc.array(fc.oneof(attachment, fc.jsonValue())), fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(header, (header) => {
      const json = new TextEncoder().encode(JSON.stringify(header))
      const prefix = new Uint8Array(Uint32Array.of(json.byteLength).buffer)
      onlyTypedErrors(new Uint8Array(Buffer.concat([prefix, json, new Uint8Array(64)])), [])
    }),
    { numRuns: 500 },
  )
})

test('attachments start at multiples of 8 of a buffer of their own', () => {
  const messages: Array<{ list: Uint8Array[] }> = []
  const decoder = new FrameDecoder(limits, (message) => messages.push(message as { list: Uint8Array[] }))
  push(decoder, frameBytes([{ list: [Uint8Array.of(1), Uint8Array.of(2, 3), new Uint8Array(0)] }]), [3, 77])
  for (const bytes of messages[0]!.list) {
    assert.equal(bytes.byteOffset % 8, 0)
    assert.equal(Buffer.isBuffer(bytes), false)
  }
  assert.deepEqual(messages[0]!.list, [Uint8Array.of(1), Uint8Array.of(2, 3), new Uint8Array(0)])
})

test('a claimed size takes no memory before the bytes are there', () => {
  const header = new TextEncoder().encode(JSON.stringify({ message: null, bodyBytes: FRAME_BODY_BYTES_MAX, attachments: [] }))
  const before = process.memoryUsage().arrayBuffers
  const decoders = Array.from({ length: 20 }, () => new FrameDecoder(limits, () => undefined))
  for (const decoder of decoders) {
    decoder.push(new Uint8Array(Uint32Array.of(header.byteLength).buffer))
    decoder.push(header)
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024)
})

test('a body that grows past its first buffer is whole', () => {
  const data = new Uint8Array(40 * 1024 * 1024)
  for (let at = 0; at < data.byteLength; at += 4096) data[at] = at / 4096
  let received: unknown
  const decoder = new FrameDecoder(limits, (message) => (received = message))
  push(decoder, frameBytes([{ data }]), [1_000_000, 17_000_001, 33_333_333])
  assert.ok(Buffer.from((received as { data: Uint8Array }).data).equals(data))
})

test('a reader’s own limits are kept', () => {
  const small = { headerBytes: 64, bodyBytes: 16 }
  const refuses = (message: unknown): void => {
    const decoder = new FrameDecoder(small, () => undefined)
    assert.throws(
      () => decoder.push(frameBytes([message])),
      (error) => isSomaError(error, 'call/too-large'),
    )
  }
  refuses('x'.repeat(64))
  refuses(new Uint8Array(17))
})
