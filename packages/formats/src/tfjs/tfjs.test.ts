import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { bytesReader } from '../reader.ts'
import { type TfjsHeader, checkTfjsWeights, readTfjs } from './tfjs.ts'

const model = {
  format: 'graph-model',
  generatedBy: '2.15.0',
  signature: {
    inputs: { x: { name: 'x:0', dtype: 'DT_FLOAT', tensorShape: { dim: [{ size: '-1' }, { size: '3' }] } } },
    outputs: { y: { name: 'y:0', dtype: 'DT_INT32', tensorShape: { unknownRank: true } } },
  },
  weightsManifest: [
    {
      paths: ['group1-shard1of2.bin', 'group1-shard2of2.bin'],
      weights: [
        { name: 'a', shape: [2, 3], dtype: 'float32' },
        { name: 'b', shape: [8], dtype: 'float32', quantization: { dtype: 'uint8' } },
      ],
    },
  ],
}
const read = (json: unknown): Promise<TfjsHeader | null> => readTfjs(bytesReader('web/model.json', Buffer.from(JSON.stringify(json))))

describe('a TensorFlow.js model', () => {
  it('tells its signature, its weights, and where they are', async () => {
    const header = await read(model)
    assert.ok(header)
    assert.deepEqual(header.signature, {
      inputs: [{ name: 'x', dtype: 'float32', shape: [-1, 3] }],
      outputs: [{ name: 'y', dtype: 'int32', shape: null }],
    })
    assert.deepEqual(
      [header.parameters, [...header.weights]],
      [
        14,
        [
          ['web/group1-shard1of2.bin', 0],
          ['web/group1-shard2of2.bin', 32],
        ],
      ],
    )
    checkTfjsWeights('web/model.json', header, () => 16)
    assert.throws(
      () => checkTfjsWeights('web/model.json', header, () => 15),
      (error) => isSomaError(error, 'package/invalid-model'),
    )
    assert.throws(
      () => checkTfjsWeights('web/model.json', header, () => undefined),
      (error) => isSomaError(error, 'package/no-model'),
    )
  })

  it('is some other JSON when it says no format, and is refused for weights elsewhere or of no size', async () => {
    assert.equal(await read({ name: 'package' }), null)
    const group = model.weightsManifest[0]!
    await assert.rejects(read({ ...model, weightsManifest: [{ ...group, paths: ['../w.bin'] }] }), (error) =>
      isSomaError(error, 'package/unsafe-path'),
    )
    for (const weight of [
      { name: 'a', shape: [2], dtype: 'float80' },
      { name: 'a', shape: [1e300], dtype: 'float32' },
    ])
      await assert.rejects(read({ ...model, weightsManifest: [{ ...group, weights: [weight] }] }), (error) =>
        isSomaError(error, 'package/invalid-model'),
      )
  })
})
