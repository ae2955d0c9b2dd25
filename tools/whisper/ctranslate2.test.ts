import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCTranslate2 } from './ctranslate2.ts'

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length + 1, 0]), Buffer.from(`${value}\0`)])
const uint32 = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer)
const halves = Buffer.from([0, 60, 0, 64])
const file = Buffer.concat([
  uint32(6),
  text('WhisperSpec'),
  uint32(3, 2),
  text('heads'),
  Buffer.from([0, 2]),
  uint32(2),
  Buffer.from([6, 0]),
  text('a/bias'),
  Buffer.from([2]),
  uint32(1, 2),
  Buffer.from([4]),
  uint32(4),
  halves,
])

test('variables of CTranslate2 are read with their types and sizes', () => {
  const { kind, variables } = readCTranslate2(file)
  assert.equal(kind, 'WhisperSpec')
  assert.deepEqual(variables.get('heads'), { dtype: 'int16', shape: [], data: Buffer.from([6, 0]) })
  assert.deepEqual(variables.get('a/bias'), { dtype: 'float16', shape: [1, 2], data: halves })
})

test('what is no such file, or only a part of one, is refused', () => {
  for (let size = 0; size < file.length; size++) assert.throws(() => readCTranslate2(file.subarray(0, size)))
  assert.throws(() => readCTranslate2(Buffer.concat([uint32(5), file.subarray(4)])), /format 6, but 5/)
})
