import assert from 'node:assert/strict'
import { test } from 'node:test'
import { releaseBytes } from './bytes.ts'

test('a chunk that owns its memory is empty after its release, and may be released again', () => {
  const chunk = new Uint8Array(64 * 1024)
  const { buffer } = chunk
  releaseBytes(chunk)
  assert.equal(chunk.byteLength, 0)
  assert.equal(buffer.detached, true)
  releaseBytes(chunk)
})

test('a chunk that shares its memory is left alone', () => {
  const whole = Uint8Array.from({ length: 100 }, (_, at) => at)
  releaseBytes(whole.subarray(0, 50))
  releaseBytes(whole.subarray(50))
  releaseBytes(new Uint8Array(new SharedArrayBuffer(8)))
  releaseBytes(Buffer.from('from the pool'))
  assert.equal(whole[99], 99)
})
