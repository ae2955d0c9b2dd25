import type { TensorSpec } from '@soma/spec'
import { type LayersModel, loadLayersModel } from '@tensorflow/tfjs-layers'
import { type NamedTensorMap, type Tensor as TfTensor, io } from '@tensorflow/tfjs-core'
import { asLoadFailed, unsupported } from './errors.ts'
import type { TfjsFiles } from './tfjs-files.ts'
import type { TfModel } from './tfjs-graph.ts'
import { dtypeOf } from './tfjs-tensors.ts'

type Symbolic = LayersModel['inputs'][number]

/** @throws {SomaError} `model/load-failed`. */
export async function loadLayers({ path, artifacts }: TfjsFiles): Promise<TfModel> {
  const model = await loadLayersModel(io.fromMemory(artifacts)).catch((cause: unknown) => {
    throw asLoadFailed(path, cause)
  })
  const [inputs, outputs] = [specsOf(model.inputs), specsOf(model.outputs)]
  const names = outputs.map(({ name }) => name)
  return {
    signature: { inputs, outputs },
    execute: async (tensors, wanted) => pick(names, predict(model, inputs, tensors), wanted),
    dispose: () => void model.dispose(),
  }
}

/** By the names of their layers, which people gave; where a layer has several results, by the library's. */
function specsOf(symbols: readonly Symbolic[]): TensorSpec[] {
  const layers = symbols.map((symbol) => symbol.sourceLayer.name)
  const unique = new Set(layers).size === layers.length
  return symbols.map((symbol, at) => specOf(unique ? (layers[at] ?? symbol.name) : symbol.name, symbol))
}

function specOf(name: string, { dtype: kind, shape }: Symbolic): TensorSpec {
  const dtype = dtypeOf(kind)
  if (dtype === undefined) throw unsupported(`"${name}"`, `it is a ${kind}, not a tensor that can be sent`)
  return { name, dtype, shape: shape.map((size) => size ?? -1) }
}

function predict(model: LayersModel, specs: readonly TensorSpec[], tensors: NamedTensorMap): readonly TfTensor[] {
  const inputs = specs.map(({ name }) => tensors[name] as TfTensor)
  const [first] = inputs
  const results = model.predictOnBatch(inputs.length === 1 && first ? first : inputs)
  return Array.isArray(results) ? results : [results]
}

/** In the order in which they were asked for; what nobody asked for goes with the scope. */
function pick(names: readonly string[], results: readonly TfTensor[], wanted: readonly string[]): readonly TfTensor[] {
  return wanted.map((name) => results[names.indexOf(name)] as TfTensor)
}
