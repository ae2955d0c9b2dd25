import { type Dtype, encodeValues } from '@soma/spec'
import { type OnnxValue, writeOnnxModel } from './write-model.ts'

/** `y = x`, of one dtype and shape. */
export function identityModel(dtype: Dtype, shape: OnnxValue['shape'] = ['n']): Uint8Array {
  return writeOnnxModel({
    inputs: [{ name: 'x', dtype, shape }],
    outputs: [{ name: 'y', dtype, shape }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  })
}

/** `sum = a + b` and `product = a × b`, float32[2, n]. */
export function arithmeticModel(): Uint8Array {
  const value = (name: string): OnnxValue => ({ name, dtype: 'float32', shape: [2, 'n'] })
  return writeOnnxModel({
    inputs: [value('a'), value('b')],
    outputs: [value('sum'), value('product')],
    nodes: [
      { op: 'Add', inputs: ['a', 'b'], outputs: ['sum'] },
      { op: 'Mul', inputs: ['a', 'b'], outputs: ['product'] },
    ],
  })
}

/** `y = x` in the shape that the int64 input `shape` says: an output whose rank is not known before. */
export function reshapeModel(): Uint8Array {
  return writeOnnxModel({
    inputs: [
      { name: 'x', dtype: 'float32', shape: ['n'] },
      { name: 'shape', dtype: 'int64', shape: ['rank'] },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: null }],
    nodes: [{ op: 'Reshape', inputs: ['x', 'shape'], outputs: ['y'] }],
  })
}

/** `y = x` after `count` products with a `size` × `size` matrix: about `2 · count · size³` operations, for something to be slow. */
export function slowModel(size: number, count: number): Uint8Array {
  const weights = encodeValues(
    'float32',
    Array.from({ length: size * size }, () => 1 / size),
  )
  const name = (index: number): string => (index === 0 ? 'x' : index === count ? 'y' : `h${index}`)
  return writeOnnxModel({
    inputs: [{ name: 'x', dtype: 'float32', shape: [size, size] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: [size, size] }],
    nodes: Array.from({ length: count }, (_, index) => ({ op: 'MatMul', inputs: [name(index), 'w'], outputs: [name(index + 1)] })),
    initializers: [{ name: 'w', dtype: 'float32', shape: [size, size], data: weights }],
  })
}

/** `y = x + w`, float32[4], with `w` in a file of its own that must lie beside the model as `file`. */
export function externalDataModel(file: string, weights: readonly number[]): { readonly model: Uint8Array; readonly data: Uint8Array } {
  const data = encodeValues('float32', weights)
  const shape = [weights.length]
  const model = writeOnnxModel({
    inputs: [{ name: 'x', dtype: 'float32', shape }],
    outputs: [{ name: 'y', dtype: 'float32', shape }],
    nodes: [{ op: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [{ name: 'w', dtype: 'float32', shape, data, external: file }],
  })
  return { model, data }
}
