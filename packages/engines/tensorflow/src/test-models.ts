import { encodeValues } from '@soma/spec'
import type { FixtureFiles, ModelFixture } from '@soma/testkit/engine'
import { type TfliteOperator, writeTflite } from '@soma/testkit/formats'

/** A node of a TensorFlow graph: attributes as TensorFlow.js writes them. */
export interface TestNode {
  readonly name: string
  readonly op: string
  readonly input?: readonly string[]
  readonly attr?: Readonly<Record<string, unknown>>
}

interface TestWeight {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: 'float32' | 'int32'
  readonly values: readonly number[]
}

const dim = (shape: readonly number[]): object => ({ dim: shape.map((size) => ({ size: String(size) })) })
export const placeholder = (name: string, type: string, shape: readonly number[]): TestNode => ({
  name,
  op: 'Placeholder',
  attr: { dtype: { type }, shape: { shape: dim(shape) } },
})

function constant({ name, dtype, shape }: TestWeight): TestNode {
  const type = dtype === 'float32' ? 'DT_FLOAT' : 'DT_INT32'
  return { name, op: 'Const', attr: { dtype: { type }, value: { tensor: { dtype: type, tensorShape: dim(shape) } } } }
}

/** `model.json` and its weights, in as many shards as wanted. */
export function graphModel(
  nodes: readonly TestNode[],
  {
    weights = [],
    shards = 1,
    signature,
  }: { readonly weights?: readonly TestWeight[]; readonly shards?: number; readonly signature?: object } = {},
): ModelFixture {
  const data = Buffer.concat(weights.map(({ dtype, values }) => encodeValues(dtype, [...values])))
  const paths = Array.from({ length: shards }, (_, index) => `group1-shard${index + 1}of${shards}.bin`)
  const step = Math.ceil(data.byteLength / shards)
  const json = {
    format: 'graph-model',
    generatedBy: '2.15.0',
    modelTopology: { node: [...weights.map(constant), ...nodes], library: {}, versions: { producer: 1395 } },
    ...(signature && { signature }),
    weightsManifest: weights.length === 0 ? [] : [{ paths, weights: weights.map(({ name, shape, dtype }) => ({ name, shape, dtype })) }],
  }
  const files = Object.fromEntries(paths.map((path, index) => [path, data.subarray(index * step, (index + 1) * step)]))
  return tfjs({ 'model.json': JSON.stringify(json), ...(weights.length > 0 ? files : {}) })
}

export function tfjs(files: FixtureFiles): ModelFixture {
  return { format: 'tfjs', task: 'tensor-to-tensor', files, roles: { model: 'model.json' } }
}

export const float = { T: { type: 'DT_FLOAT' } }

/** `y = x · [[1, 0], [0, 1], [1, 1]] + [10, 20]`, which of the two is larger, and which of them are over 20. */
export function affineModel(shards = 1): ModelFixture {
  return graphModel(
    [
      placeholder('x', 'DT_FLOAT', [-1, 3]),
      { name: 'product', op: 'MatMul', input: ['x', 'w'], attr: { ...float, transpose_a: { b: false }, transpose_b: { b: false } } },
      { name: 'sum', op: 'BiasAdd', input: ['product', 'b'], attr: float },
      { name: 'y', op: 'Identity', input: ['sum'], attr: float },
      { name: 'best', op: 'ArgMax', input: ['sum', 'axis'], attr: { ...float, output_type: { type: 'DT_INT64' } } },
      { name: 'high', op: 'Greater', input: ['sum', 'twenty'], attr: float },
    ],
    {
      shards,
      weights: [
        { name: 'w', shape: [3, 2], dtype: 'float32', values: [1, 0, 0, 1, 1, 1] },
        { name: 'b', shape: [2], dtype: 'float32', values: [10, 20] },
        { name: 'axis', shape: [], dtype: 'int32', values: [1] },
        { name: 'twenty', shape: [], dtype: 'float32', values: [20] },
      ],
    },
  )
}

/** A Keras model of one layer, the same as above without its last two outputs. */
export function layersModel(): ModelFixture {
  const input = { class_name: 'InputLayer', config: { batch_input_shape: [null, 3], dtype: 'float32', sparse: false, name: 'x' } }
  const dense = { class_name: 'Dense', config: { name: 'y', units: 2, activation: 'linear', use_bias: true, trainable: true } }
  const json = {
    format: 'layers-model',
    modelTopology: {
      keras_version: '2.15.0',
      backend: 'tensorflow',
      model_config: { class_name: 'Sequential', config: { name: 'sequential', layers: [input, dense] } },
    },
    weightsManifest: [
      {
        paths: ['weights.bin'],
        weights: [
          { name: 'y/kernel', shape: [3, 2], dtype: 'float32' },
          { name: 'y/bias', shape: [2], dtype: 'float32' },
        ],
      },
    ],
  }
  return tfjs({ 'model.json': JSON.stringify(json), 'weights.bin': encodeValues('float32', [1, 0, 0, 1, 1, 1, 10, 20]) })
}

/** TensorFlow Lite with one operator for each output, all of one shape. */
export function liteModel(
  inputs: ReadonlyArray<readonly [name: string, type: number]>,
  outputs: ReadonlyArray<readonly [name: string, type: number, kind: number]>,
  shape: readonly number[] = [2, 3],
): ModelFixture {
  const ids = inputs.map((_, index) => index)
  const results = outputs.map((_, index) => inputs.length + index)
  const operators = outputs.map(([, , kind], index): TfliteOperator => ({ kind, inputs: ids, outputs: [results[index] ?? 0] }))
  const tensors = [...inputs, ...outputs].map(([name, type]) => ({ name, type, shape }))
  return lite(writeTflite(tensors, { inputs: ids, outputs: results, operators }))
}

export function lite(content: Uint8Array | URL): ModelFixture {
  return { format: 'tflite', task: 'tensor-to-tensor', files: { 'model.tflite': content }, roles: { model: 'model.tflite' } }
}
