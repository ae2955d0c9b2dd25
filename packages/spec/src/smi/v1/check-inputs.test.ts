import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSomaError } from '@soma/core'
import { type Dtype, type Signature, type Tensor, type TensorValue, encodeValues } from '../../index.ts'
import { checkInputs } from './check-inputs.ts'

const signature: Signature = {
  inputs: [
    { name: 'image', dtype: 'float32', shape: [1, -1, 2], finite: true },
    { name: 'mask', dtype: 'bool', shape: null, optional: true },
  ],
  outputs: [],
}

function tensor(name: string, dtype: Dtype, shape: number[], values: TensorValue[]): Tensor {
  return { name, dtype, shape, data: encodeValues(dtype, values) }
}

const image = tensor('image', 'float32', [1, 1, 2], [1, 2])

function refused(inputs: Tensor[], input: string, expected: RegExp, actual: RegExp): void {
  assert.throws(
    () => checkInputs(signature, inputs),
    (error) => {
      assert.ok(isSomaError(error, 'model/input-mismatch'))
      assert.equal(error.details['input'], input)
      assert.match(String(error.details['expected']), expected)
      assert.match(String(error.details['actual']), actual)
      return true
    },
  )
}

test('fitting inputs pass, free sizes and optional inputs included', () => {
  checkInputs(signature, [image])
  checkInputs(signature, [tensor('image', 'float32', [1, 3, 2], [1, 2, 3, 4, 5, 6]), tensor('mask', 'bool', [2, 1], [true, false])])
})

test('each way not to fit is refused, naming the input, what was expected and what came', () => {
  refused([], 'image', /^float32\[1, \?, 2\]$/, /nothing/)
  refused([image, tensor('other', 'int8', [], [1])], 'other', /image, mask/, /./)
  refused([image, image], 'image', /one tensor/, /twice/)
  refused([tensor('image', 'float64', [1, 1, 2], [1, 2])], 'image', /float32/, /^float64\[1, 1, 2\]$/)
  refused([tensor('image', 'float32', [1, 2], [1, 2])], 'image', /float32\[1, \?, 2\]/, /\[1, 2\]/)
  refused([tensor('image', 'float32', [1, 1, 3], [1, 2, 3])], 'image', /\?, 2\]/, /\[1, 1, 3\]/)
})

for (const dtype of ['float16', 'bfloat16', 'float32', 'float64'] as const)
  test(`NaN and infinities of ${dtype} are found with their index, also in unaligned data; the largest finite values pass`, () => {
    const only: Signature = { inputs: [{ name: 'x', dtype, shape: [-1], finite: true }], outputs: [] }
    const largest = { float16: 65504, bfloat16: 3.3895313892515355e38, float32: 3.4028234663852886e38, float64: Number.MAX_VALUE }[dtype]
    checkInputs(only, [tensor('x', dtype, [4], [0, -0, largest, -largest])])
    for (const bad of ['NaN', 'Infinity', '-Infinity']) {
      const { data } = tensor('x', dtype, [3], [1, bad, 2])
      const unaligned = new Uint8Array(data.byteLength + 1).subarray(1)
      unaligned.set(data)
      for (const bytes of [data, unaligned])
        assert.throws(() => checkInputs(only, [{ name: 'x', dtype, shape: [3], data: bytes }]), /element 1$/)
    }
  })
