import assert from 'node:assert/strict'
import test from 'node:test'
import { FRAME_HEADER_BYTES_MAX } from '@soma/core'
import fc from 'fast-check'
import { attachBody, decodeFrame, decodeFrameHeader, decodeFramePrefix, encodeFrame } from '../../index.ts'

const leaf = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.uint8Array({ maxLength: 40 }))
const { message } = fc.letrec<{ message: unknown }>((tie) => ({
  message: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('message'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('message'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))

const join = (parts: readonly Uint8Array[]): Uint8Array => Buffer.concat(parts)
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? new Uint8Array(value)
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
        : value === undefined
          ? null
          : Object.is(value, -0)
            ? 0
            : value

test('any message with any attachments survives', () => {
  fc.assert(
    fc.property(message, (value) => assert.deepEqual(plain(decodeFrame(join(encodeFrame(value)))), plain(value))),
    { numRuns: 2000 },
  )
})

test('attachments begin at multiples of 8, so that any dtype can be viewed in place', () => {
  const decoded = decodeFrame(
    join(encodeFrame({ a: new Uint8Array(3), b: [new Uint8Array(5), new Uint8Array(0), new Uint8Array(8).fill(1)] })),
  ) as { a: Uint8Array; b: Uint8Array[] }
  for (const bytes of [decoded.a, ...decoded.b]) assert.equal(bytes.byteOffset % 8, 0)
})

test('a frame is a length, a header and the bytes, as documented', () => {
  const [head = new Uint8Array(), ...rest] = encodeFrame({ x: new Uint8Array([1, 2]), y: 1 })
  const length = decodeFramePrefix(head)
  assert.deepEqual(JSON.parse(new TextDecoder().decode(head.subarray(4, 4 + length))), {
    message: { x: null, y: 1 },
    bodyBytes: 8,
    attachments: [{ path: ['x'], begin: 0, end: 2 }],
  })
  assert.deepEqual([...join(rest)], [1, 2, 0, 0, 0, 0, 0, 0])
})

test('garbage is refused with a typed error, never anything else', () => {
  const typed = (error: unknown): boolean => ['call/malformed', 'call/too-large'].includes((error as { code: string }).code)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decodeFrame(bytes)
      } catch (error) {
        assert.ok(typed(error), String(error))
      }
    }),
  )
  const valid = join(encodeFrame({ a: new Uint8Array(4), b: 'text' }))
  fc.assert(
    fc.property(fc.nat(valid.byteLength - 1), fc.nat(255), (index, byte) => {
      const broken = Uint8Array.from(valid)
      broken[index] = byte
      try {
        decodeFrame(broken)
      } catch (error) {
        assert.ok(typed(error), String(error))
      }
    }),
  )
})

test('headers that lie are refused', () => {
  const header = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
  const refuse = (value: unknown, code = 'call/malformed'): void => assert.throws(() => decodeFrameHeader(header(value)), { code })
  refuse({})
  refuse(null)
  refuse([])
  refuse({ message: 1, bodyBytes: -1 })
  refuse({ message: 1, bodyBytes: 1.5 })
  refuse({ message: 1, bodyBytes: 2 ** 40 }, 'call/too-large')
  refuse({ message: 1, attachments: 'x' })
  for (const attachment of [1, null, { path: 'a' }, { path: [{}] }]) refuse({ message: 1, attachments: [attachment] })
  assert.equal(decodeFrameHeader(header({ message: 1 })).bodyBytes, 0)
  assert.throws(() => decodeFramePrefix(new Uint8Array([255, 255, 255, 255])), { code: 'call/too-large' })
})

test('attachments that lie outside the body or lead nowhere are refused', () => {
  const attach = (message: unknown, attachment: unknown): unknown =>
    attachBody({ message, attachments: [attachment as never] }, new Uint8Array(8))
  const refuse = (message: unknown, attachment: unknown): void =>
    assert.throws(() => attach(message, attachment), { code: 'call/malformed' })
  refuse({ a: null }, { path: ['a'], begin: 0, end: 9 })
  refuse({ a: null }, { path: ['a'], begin: 4, end: 2 })
  refuse({ a: null }, { path: ['a'], begin: -1, end: 2 })
  refuse({ a: null }, { path: ['a'], begin: 0.5, end: 2 })
  refuse({ a: null }, { path: ['b'], begin: 0, end: 2 })
  refuse({ a: 1 }, { path: ['a'], begin: 0, end: 2 })
  refuse({ a: null }, { path: ['a', 'b'], begin: 0, end: 2 })
  refuse({ a: null }, { path: ['__proto__', 'polluted'], begin: 0, end: 2 })
  refuse({ a: null }, { path: ['constructor'], begin: 0, end: 2 })
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.equal((attach(null, { path: [], begin: 0, end: 3 }) as Uint8Array).byteLength, 3)
})

test('a header over its limit is refused when written', () => {
  assert.throws(() => encodeFrame('x'.repeat(FRAME_HEADER_BYTES_MAX)), { code: 'call/too-large' })
})

test('a frame of the wrong length is refused', () => {
  const whole = join(encodeFrame({ a: new Uint8Array(4) }))
  for (const bytes of [whole.subarray(0, 3), whole.subarray(0, 10), whole.subarray(0, -1), join([whole, new Uint8Array(1)])])
    assert.throws(() => decodeFrame(bytes), { code: 'call/malformed' })
})
