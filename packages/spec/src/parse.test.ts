import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { TensorSchema, parseInput } from './index.ts'

test('what fits passes, with defaults', () => {
  assert.deepEqual(parseInput(z.strictObject({ a: z.number().default(1) }), {}, 'it'), { a: 1 })
})

test('what does not fit is refused with the field and the problem, ten of them at most', () => {
  const schema = z.strictObject({ list: z.array(z.number()) })
  assert.throws(
    () => parseInput(schema, { list: Array.from({ length: 50 }, () => 'x') }, 'the input of test'),
    (error: { code: string; message: string; details: { issues: Array<{ field: string }> } }) => {
      assert.equal(error.code, 'call/invalid-input')
      assert.match(error.message, /^the input of test does not fit: list\.0: /)
      assert.equal(error.details.issues.length, 10)
      return true
    },
  )
  assert.throws(() => parseInput(schema, 1, 'it'), /^SomaError: it does not fit: Invalid/)
})

test('a tensor’s own error comes through as it is', () => {
  assert.throws(() => parseInput(z.strictObject({ t: TensorSchema }), { t: { name: 'x', dtype: 'int8', values: [300] } }, 'it'), {
    code: 'model/input-mismatch',
    details: { index: 0, dtype: 'int8' },
  })
})
