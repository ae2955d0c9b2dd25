import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import {
  type Dtype,
  TensorSchema,
  checkTensorBytes,
  decodeStrings,
  decodeValues,
  dtypeSizeBytes,
  dtypes,
  elementCount,
  encodeStrings,
  encodeValues,
  tensorToJson,
} from '../index.ts'
import { STRINGS_MAX } from './values.ts'

const integers: Readonly<Partial<Record<Dtype, readonly [number, number]>>> = {
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
}

test('integers of every width survive the way to bytes and back', () => {
  for (const [dtype, [min, max]] of Object.entries(integers) as Array<[Dtype, [number, number]]>) {
    fc.assert(
      fc.property(fc.array(fc.integer({ min, max })), (values) =>
        assert.deepEqual(decodeValues(dtype, encodeValues(dtype, values)), values),
      ),
    )
    assert.throws(() => encodeValues(dtype, [max + 1]), { code: 'model/input-mismatch' })
    assert.throws(() => encodeValues(dtype, [min - 1]), { code: 'model/input-mismatch' })
    assert.throws(() => encodeValues(dtype, [0.5]), { code: 'model/input-mismatch', details: { index: 0, dtype } })
  }
})

test('64-bit integers come back as numbers where a double holds them, else as decimal strings', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (values) =>
      assert.deepEqual(decodeValues('int64', encodeValues('int64', values.map(String))).map(BigInt as (v: unknown) => bigint), values),
    ),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) =>
      assert.equal(BigInt(String(decodeValues('uint64', encodeValues('uint64', [String(value)]))[0])), value),
    ),
  )
  assert.deepEqual(decodeValues('int64', encodeValues('int64', [5, '9007199254740993'])), [5, '9007199254740993'])
  for (const wrong of ['1.5', 'x', 1.5, true, String(2n ** 64n)])
    assert.throws(() => encodeValues('uint64', [wrong]), { code: 'model/input-mismatch' })
})

test('floats survive, and what JSON cannot write is a word', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noDefaultInfinity: true, noNaN: true })), (values) =>
      assert.deepEqual(decodeValues('float32', encodeValues('float32', values)), values),
    ),
  )
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) =>
      assert.deepEqual(decodeValues('float64', encodeValues('float64', [value])), [value]),
    ),
  )
  for (const dtype of ['float16', 'bfloat16', 'float32', 'float64'] as const) {
    assert.deepEqual(decodeValues(dtype, encodeValues(dtype, ['NaN', 'Infinity', '-Infinity', 1.5, -0.25])), [
      'NaN',
      'Infinity',
      '-Infinity',
      1.5,
      -0.25,
    ])
    assert.throws(() => encodeValues(dtype, ['1.5']), { code: 'model/input-mismatch' })
    assert.throws(() => encodeValues(dtype, [true]), { code: 'model/input-mismatch' })
  }
})

test('bfloat16 rounds to nearest even', () => {
  const bits = (value: number): number => new Uint16Array(encodeValues('bfloat16', [value]).slice().buffer)[0] ?? 0
  assert.equal(bits(1), 0x3f80)
  assert.equal(bits(1 + 2 ** -8), 0x3f80, 'a tie goes to even')
  assert.equal(bits(1 + 3 * 2 ** -8), 0x3f82, 'a tie goes to even')
  assert.equal(bits(3.4e38), 0x7f80, 'what is too large becomes infinity')
})

test('booleans and strings survive; anything else is refused with its index', () => {
  assert.deepEqual(decodeValues('bool', encodeValues('bool', [true, false, 1, 0])), [true, false, true, false])
  assert.throws(() => encodeValues('bool', [true, 2]), { details: { index: 1, dtype: 'bool' } })
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), (values) =>
      assert.deepEqual(decodeValues('string', encodeValues('string', values)), values),
    ),
  )
  assert.throws(() => encodeValues('string', [1]), { code: 'model/input-mismatch' })
})

test('string tensors that run past their end or are not UTF-8 are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
      try {
        assert.deepEqual(encodeStrings(decodeStrings(data)), data)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'model/input-mismatch')
      }
    }),
  )
  assert.throws(() => decodeStrings(new Uint8Array([9, 0, 0, 0, 1])), /runs past its 5 bytes/)
  assert.throws(() => decodeStrings(new Uint8Array([1, 0])), { code: 'model/input-mismatch' })
  assert.throws(() => decodeStrings(new Uint8Array([1, 0, 0, 0, 0xff])), /is not UTF-8/)
})

test('more strings than a tensor may hold are refused before they are decoded', () => {
  const tooMany = STRINGS_MAX + 1
  assert.throws(() => decodeStrings(new Uint8Array(4 * tooMany)), { code: 'model/input-mismatch', details: { stringsMax: STRINGS_MAX } })
  assert.throws(() => encodeStrings(Array.from({ length: tooMany }, () => '')), { code: 'model/input-mismatch' })
  assert.equal(decodeStrings(new Uint8Array(4 * STRINGS_MAX)).length, STRINGS_MAX)
})

test('a tensor is written with data or with values, and is the same', () => {
  const parse = (written: unknown) => TensorSchema.parse(written)
  const data = encodeValues('float32', [1, 2, 3, 4])
  assert.deepEqual(
    parse({ name: 'x', dtype: 'float32', shape: [2, 2], data }),
    parse({ name: 'x', dtype: 'float32', shape: [2, 2], values: [1, 2, 3, 4] }),
  )
  assert.deepEqual(parse({ name: 'x', dtype: 'float32', values: [1, 2] }).shape, [2])
  assert.deepEqual(parse({ name: 'x', dtype: 'float32', data }).shape, [4])
  assert.deepEqual(parse({ name: 'x', dtype: 'string', data: encodeStrings(['a', 'b']) }).shape, [2])
  assert.deepEqual(parse({ name: 'x', dtype: 'int8', shape: [], values: [7] }).shape, [])
  assert.equal(parse({ name: 'x', dtype: 'float32', data }).data.buffer, data.buffer, 'bytes are not copied')
})

test('a tensor that does not add up is refused with what was expected and what came', () => {
  const problem = (written: unknown): string => TensorSchema.safeParse(written).error?.issues[0]?.message ?? ''
  assert.match(problem({ name: 'x', dtype: 'float32', shape: [2, 2], values: [1] }), /tensor "x": float32\[2, 2\] takes 16 bytes, 4 came/)
  assert.match(problem({ name: 'x', dtype: 'string', shape: [3], values: ['a'] }), /takes 3 strings, 1 came/)
  assert.match(problem({ name: 'x', dtype: 'float32' }), /needs either data or values/)
  assert.match(problem({ name: 'x', dtype: 'float32', values: [], data: new Uint8Array() }), /needs either/)
  assert.match(problem({ name: 'x', dtype: 'float32', data: [1] }), /binary data/)
  assert.match(problem({ name: 'x', dtype: 'float32', values: [1, null] }), /element 1 is no number, string or boolean/)
  assert.match(problem({ name: 'x', dtype: 'float32', values: 'text' }), /expected a flat list/)
  assert.match(problem({ name: 'x', dtype: 'float32', shape: [1.5], values: [1] }), /int/)
  assert.match(problem({ name: 'x', dtype: 'float32', shape: [2 ** 40, 2 ** 40], values: [1] }), /takes/)
  assert.match(problem({ name: 'x', dtype: 'float32', values: [1], extra: 1 }), /extra/)
  assert.throws(() => checkTensorBytes({ name: 'y', dtype: 'int64', shape: [1], data: new Uint8Array(7) }), {
    code: 'model/input-mismatch',
  })
})

test('sizes are those of the formats', () => {
  assert.deepEqual(dtypes.map(dtypeSizeBytes), [2, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, 0])
  assert.equal(elementCount([2, 3, 4]), 24)
  assert.equal(elementCount([]), 1)
  assert.deepEqual(tensorToJson({ name: 'a', dtype: 'bool', shape: [1], data: new Uint8Array([1]) }), {
    name: 'a',
    dtype: 'bool',
    shape: [1],
    values: [true],
  })
})
