import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  SomaError,
  VERSION,
  abortError,
  assert as invariant,
  canonicalJson,
  isJson,
  createSeededRng,
  defined,
  isBlobDigest,
  isCallId,
  isCapabilityId,
  isTokenId,
  parseBlobDigest,
  parseJson,
  randomId,
  randomInteger,
  throwIfAborted,
  untilAborted,
} from './index.ts'
import manifest from '../package.json' with { type: 'json' }

test('the version is the one of package.json', () => assert.equal(VERSION, manifest.version))

test('isJson knows what JSON can say, and how deep', () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => assert.ok(isJson(value, 64))))
  for (const other of [
    undefined,
    NaN,
    Infinity,
    1n,
    () => 1,
    Symbol('s'),
    new Uint8Array(1),
    new Date(0),
    new Map(),
    [undefined],
    { a: [NaN] },
  ])
    assert.ok(!isJson(other, 64), typeof other)
  assert.ok(isJson([[]], 1) && !isJson([[[]]], 1))
  assert.ok(isJson(Object.assign(Object.create(null) as object, { a: 1 }), 1))
})

test('parseJson gives what JSON.parse gives, and typed errors for the rest', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 10 }), (value) =>
      assert.deepEqual(parseJson(new TextEncoder().encode(JSON.stringify(value))), JSON.parse(JSON.stringify(value))),
    ),
  )
  assert.throws(() => parseJson('{"a":'), { code: 'call/malformed' })
  assert.throws(() => parseJson(new Uint8Array([0x22, 0xff, 0x22])), { code: 'call/malformed' })
  assert.throws(() => parseJson('['.repeat(70) + ']'.repeat(70)), { code: 'call/too-large' })
  assert.throws(() => parseJson('['.repeat(100_000) + ']'.repeat(100_000)), { code: 'call/too-large' })
  assert.throws(() => parseJson('{"a":'.repeat(80) + '1' + '}'.repeat(80), 'the body'), /the body is nested/)
})

test('canonical JSON is the same whatever the order of keys, and reads back', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      const reversed = Object.fromEntries(Object.entries(value).toReversed())
      assert.equal(canonicalJson(reversed), canonicalJson(value))
      assert.deepEqual(JSON.parse(canonicalJson(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
  assert.equal(canonicalJson({ b: undefined, a: [undefined, 1] }), '{"a":[null,1]}')
  assert.equal(canonicalJson(undefined), 'null')
})

test('seeded randomness repeats, stays in range, and ids have their shape', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      assert.deepEqual(createSeededRng(seed).bytes(8), createSeededRng(seed).bytes(8))
      const rng = createSeededRng(seed)
      const float = rng.float()
      assert.ok(float >= 0 && float < 1)
      assert.ok(randomInteger(rng, 10) < 10)
      assert.ok(isCapabilityId(randomId(rng, 'cap')) && isTokenId(randomId(rng, 'tok')) && isCallId(randomId(rng, 'call')))
    }),
  )
  assert.ok(!isCapabilityId('cap_short') && !isCapabilityId('tok_0123456789abcdef'))
})

test('ids skip bytes that would favour some letters', () => {
  let first = true
  const rng = { float: () => 0, bytes: (count: number) => new Uint8Array(count).fill(first ? ((first = false), 255) : 1) }
  assert.equal(randomId(rng, 'x'), `x_${'1'.repeat(16)}`)
})

test('digests are parsed or refused', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  assert.equal(parseBlobDigest(digest), digest)
  for (const wrong of ['', 'sha256:', digest.toUpperCase(), `${digest}0`]) {
    assert.ok(!isBlobDigest(wrong))
    assert.throws(() => parseBlobDigest(wrong), { code: 'call/invalid-input' })
  }
})

test('broken invariants throw, kept ones do not', () => {
  invariant(true, 'fine')
  assert.throws(() => invariant(0, 'why'), /broken invariant: why/)
  assert.equal(defined('', 'there'), '')
  assert.throws(() => defined(null, 'gone'), /gone/)
  assert.throws(() => defined(undefined, 'gone'), /gone/)
})

test('an aborted signal throws its reason, typed', () => {
  const aborted = (reason?: unknown): AbortSignal => AbortSignal.abort(reason)
  assert.doesNotThrow(() => throwIfAborted(undefined))
  assert.doesNotThrow(() => throwIfAborted(new AbortController().signal))
  assert.throws(() => throwIfAborted(aborted()), { code: 'call/cancelled' })
  assert.throws(() => throwIfAborted(aborted(new SomaError('daemon/stopping', 'x'))), { code: 'daemon/stopping' })
  assert.equal(abortError(aborted(new DOMException('t', 'TimeoutError'))).code, 'call/timeout')
})

test('work is waited for until the signal aborts, and what it throws later is nobody’s', async () => {
  const { signal } = new AbortController()
  assert.equal(await untilAborted(Promise.resolve(1), signal), 1)
  await assert.rejects(untilAborted(Promise.reject(new RangeError('own')), signal), RangeError)
  const stop = new AbortController()
  const late = Promise.withResolvers<never>()
  const waiting = untilAborted(late.promise, stop.signal)
  stop.abort()
  await assert.rejects(waiting, { code: 'call/cancelled' })
  await assert.rejects(untilAborted(late.promise, stop.signal), { code: 'call/cancelled' })
  late.reject(new Error('unheard'))
})
