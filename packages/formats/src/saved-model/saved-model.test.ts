import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isSomaError } from '@soma/core'
import { writeSavedModel } from '@soma/testkit/formats'
import { bytesReader } from '../reader.ts'
import { type SavedModelHeader, readSavedModel, servingSignature } from './saved-model.ts'

const read = (bytes: Uint8Array): Promise<SavedModelHeader> => readSavedModel(bytesReader('saved_model.pb', bytes))
const input = { name: 'image', type: 1, shape: [-1, 224, 224, 3] }
const output = { name: 'scores', type: 9, shape: [-1, 1000] }

describe('a SavedModel', () => {
  it('tells tags, version and signatures, free sizes and free ranks as such', async () => {
    const header = await read(
      writeSavedModel({
        tags: ['serve', 'gpu'],
        signatures: {
          serving_default: { inputs: [input, { name: 'any', type: 7, shape: null }], outputs: [output] },
          __saved_model_init_op: { inputs: [], outputs: [output] },
        },
      }),
    )
    assert.deepEqual([header.tags, header.tensorflowVersion, header.signatures.size], [['serve', 'gpu'], '2.15.0', 1])
    assert.deepEqual(servingSignature(header), {
      inputs: [
        { name: 'any', dtype: 'string', shape: null },
        { name: 'image', dtype: 'float32', shape: [-1, 224, 224, 3] },
      ],
      outputs: [{ name: 'scores', dtype: 'int64', shape: [-1, 1000] }],
    })
  })

  it('has no signature that we could call when a dtype is none of ours, or several are there and none is the usual one', async () => {
    const complex = { name: 'x', type: 8, shape: [1] }
    const one = { inputs: [input], outputs: [output] }
    assert.equal(
      servingSignature(await read(writeSavedModel({ signatures: { serving_default: { inputs: [complex], outputs: [] } } }))),
      null,
    )
    assert.equal(servingSignature(await read(writeSavedModel({ signatures: { a: one, b: one } }))), null)
    assert.equal(servingSignature(await read(writeSavedModel({ signatures: { a: one } })))?.inputs[0]?.name, 'image')
  })

  it('names operations that reach outside, but not those that every model saves its weights with', async () => {
    const { outsideOperations } = await read(writeSavedModel({ operations: ['Add', 'SaveV2', 'WriteFile', 'PyFunc', 'PyFunc'] }))
    assert.deepEqual([...outsideOperations], ['WriteFile', 'PyFunc'])
  })

  it('is refused without a graph, or cut short', async () => {
    const whole = writeSavedModel({ signatures: { s: { inputs: [input], outputs: [output] } } })
    for (const bytes of [new Uint8Array(0), whole.subarray(0, whole.byteLength - 1), Buffer.from('not protobuf at all')])
      await assert.rejects(read(bytes), (error) => isSomaError(error, 'package/invalid-model'))
  })
})
