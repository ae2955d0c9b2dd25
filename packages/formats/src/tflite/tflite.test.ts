import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { writeTflite } from '@soma/testkit/formats'
import { bytesReader } from '../reader.ts'
import { type TfliteHeader, readTflite } from './tflite.ts'

const read = (bytes: Uint8Array): Promise<TfliteHeader> => readTflite(bytesReader('m.tflite', bytes))
const model = writeTflite(
  [
    { name: 'pixels', type: 0, shape: [1, 2, 2, 3] },
    { name: 'weights', type: 9, shape: [12, 4], values: new Uint8Array(48) },
    { name: 'bias', type: 2, shape: [4], values: new Uint8Array(16) },
    { name: 'scores', type: 0, shape: [1, 4] },
  ],
  { inputs: [0], outputs: [3] },
)

describe('a TensorFlow Lite model', () => {
  it('tells its inputs and outputs, and the elements of the tensors whose values it holds', async () => {
    const { signature, parameters, typeHistogram, description } = await read(model)
    assert.deepEqual(signature, {
      inputs: [{ name: 'pixels', dtype: 'float32', shape: [1, 2, 2, 3] }],
      outputs: [{ name: 'scores', dtype: 'float32', shape: [1, 4] }],
    })
    assert.deepEqual(
      [parameters, [...typeHistogram], description],
      [
        52,
        [
          ['I8', 48],
          ['I32', 16],
        ],
        'made for a test',
      ],
    )
  })

  it('has no signature that we could call when an input is of a type that is none of ours', async () => {
    assert.equal((await read(writeTflite([{ name: 'x', type: 8, shape: [1] }], { inputs: [0], outputs: [] }))).signature, null)
  })

  it('is refused for tensors that are not there, for offsets out of it, and when it is something else', async () => {
    const outside = Buffer.from(model)
    outside.writeUInt32LE(0x7fff_ffff, 0)
    const missing = writeTflite([{ name: 'x', type: 0, shape: [1] }], { inputs: [1], outputs: [] })
    for (const bytes of [outside, missing, Buffer.alloc(100), model.subarray(0, 40)])
      await assert.rejects(read(bytes), (error) => isSomaError(error, 'package/invalid-model'))
  })

  it('is read in bounded time however many graphs share its tensors', async () => {
    const many = writeTflite(
      Array.from({ length: 2000 }, (_, index) => ({ name: `t${index}`, type: 0, shape: [1] })),
      { inputs: [], outputs: [] },
    )
    assert.equal((await read(many)).parameters, 0)
  })
})
