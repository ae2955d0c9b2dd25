import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Dtype, type Tensor, encodeValues } from '@soma/spec'
import { createPaint } from './color.ts'
import { formatOutputs } from './tensors.ts'

const tensor = (name: string, dtype: Dtype, shape: readonly number[], values: ReadonlyArray<string | number>): Tensor => ({
  name,
  dtype,
  shape,
  data: encodeValues(dtype, [...values]),
})
const shown = (...outputs: Tensor[]): string[] => formatOutputs(outputs, { width: 80, paint: createPaint(false) } as never)

describe('outputs for a person', () => {
  it('are one table where they say several things of each finding', () => {
    const entities = shown(
      tensor('entity', 'string', [2], ['PER', 'LOC']),
      tensor('word', 'string', [2], ['Ada Lovelace', 'London']),
      tensor('score', 'float32', [2], [0.5, 1]),
      tensor('box', 'int64', [2, 2], [0, 12, 22, 28]),
    )
    assert.deepEqual(entities, [
      'ENTITY  WORD           SCORE    BOX',
      'PER     Ada Lovelace  0.5000   0 12',
      'LOC     London             1  22 28',
    ])
  })

  it('tell which of several texts a finding is about', () => {
    const labels = shown(
      tensor('label', 'string', [2, 2], ['good', 'bad', 'bad', 'good']),
      tensor('score', 'float32', [2, 2], [1, 0, 1, 0]),
    )
    assert.deepEqual(labels, ['#  LABEL  SCORE', '0  good       1', '0  bad        0', '1  bad        1', '1  good       0'])
  })

  it('are stretches of time where they begin and end, and a header where nothing was found', () => {
    assert.deepEqual(shown(tensor('start', 'float32', [1], [0.5]), tensor('end', 'float32', [1], [2])), [' START  END', '0.5000    2'])
    assert.deepEqual(shown(tensor('label', 'string', [0], []), tensor('score', 'float32', [0], [])), ['LABEL  SCORE'])
  })

  it('are lines where they are prose, and a summary where they are numbers', () => {
    assert.deepEqual(shown(tensor('text', 'string', [2], ['TEA\t2.50', 'Thank you']), tensor('confidence', 'float32', [2], [0.9, 0.75])), [
      '0.90  TEA  2.50',
      '0.75  Thank you',
    ])
    assert.match(shown(tensor('sum', 'float32', [2], [1, 2])).join('\n'), /^OUTPUT .*\nsum +float32\[2\]/)
  })
})
