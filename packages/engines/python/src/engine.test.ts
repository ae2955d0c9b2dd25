import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tensor } from '@soma/spec'
import { encodeValues } from '@soma/spec'
import { type FixtureFiles, type ModelFixture, engineCompliance } from '@soma/testkit/engine'
import { descriptor } from './index.ts'
import { testPython, torchModels } from './test-models.ts'

const python = await testPython()
const why = python.skip('torch')

const row = (name: string, value: number, columns: number): Tensor => ({
  name,
  dtype: 'float32',
  shape: [2, columns],
  data: encodeValues('float32', Array(2 * columns).fill(value)),
})

function arithmetic(seed: number, columns: number) {
  return {
    inputs: [row('a', seed, columns), row('b', 2, columns)],
    check: (outputs: readonly Tensor[]) =>
      assert.deepEqual(outputs, [row('output_0', seed + 2, columns), row('output_1', seed * 2, columns)]),
  }
}

if (why === false && python.interpreter !== undefined) {
  const files = torchModels(python.interpreter)
  const modelOf = (content: FixtureFiles[string] | undefined): ModelFixture => ({
    files: { 'model.pt': content ?? '' },
    roles: { model: 'model.pt' },
    format: 'torchscript',
    task: 'tensor-to-tensor',
  })
  engineCompliance({
    main: new URL('main.ts', import.meta.url),
    descriptor,
    model: { ...modelOf(files['arithmetic.pt']), settings: { inputs: ['a float32[2, ?]', 'b float32[2, ?]'], finite: ['a'] } },
    sample: (seed) => arithmetic(seed, seed + 1),
    big: (sizeBytes) => arithmetic(1, sizeBytes / 16),
    corrupt: [modelOf(files['arithmetic.pt']?.subarray(0, 400))],
  })
} else test('the python engine speaks SMI v1', { skip: why }, () => undefined)
