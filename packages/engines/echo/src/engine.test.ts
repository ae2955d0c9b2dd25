import assert from 'node:assert/strict'
import { type Tensor, encodeValues } from '@soma/spec'
import { engineCompliance } from '@soma/testkit/engine'
import { descriptor } from './index.ts'

const signature = {
  inputs: [
    { name: 'x', dtype: 'float32', shape: [2, -1], finite: true },
    { name: 'label', dtype: 'string', shape: [-1], optional: true },
  ],
  outputs: [
    { name: 'x', dtype: 'float32', shape: [2, -1] },
    { name: 'label', dtype: 'string', shape: [-1], optional: true },
  ],
}
const echoes = (inputs: Tensor[]) => ({ inputs, check: (outputs: readonly Tensor[]) => assert.deepEqual(outputs, inputs) })
const x = (columns: number, value: number): Tensor => ({
  name: 'x',
  dtype: 'float32',
  shape: [2, columns],
  data: encodeValues('float32', Array(2 * columns).fill(value)),
})

engineCompliance({
  main: new URL('main.ts', import.meta.url),
  descriptor,
  model: {
    files: { 'model.echo': JSON.stringify({ signature }) },
    roles: { model: 'model.echo' },
    format: 'echo',
    task: 'tensor-to-tensor',
  },
  sample: (seed) => echoes([x(seed + 1, seed), { name: 'label', dtype: 'string', shape: [1], data: encodeValues('string', [`${seed}`]) }]),
  big: (sizeBytes) => echoes([x(sizeBytes / 8, 1)]),
  generate: { long: { prompt: 'word '.repeat(100) } },
  corrupt: [{ files: { 'model.echo': '{"unknown": 1}' }, roles: { model: 'model.echo' }, format: 'echo', task: 'tensor-to-tensor' }],
})
