import type { Signature, TensorSpec } from '@soma/spec'
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter'
import { type NamedTensorMap, type Tensor as TfTensor, io } from '@tensorflow/tfjs-core'
import { asLoadFailed, unsupported } from './errors.ts'
import type { ModelJson, Ports, Port as SignedPort, TfjsFiles } from './tfjs-files.ts'
import { dtypeOf } from './tfjs-tensors.ts'

/** What both kinds of models have. */
export interface TfModel {
  readonly signature: Signature
  /** @param inputs by their names in the signature. @returns outputs of these names, some of which the model may still hold itself. */
  execute(inputs: NamedTensorMap, outputs: readonly string[]): Promise<readonly TfTensor[]>
  dispose(): void
}

/** An input or output by the name that callers use, and the node that it is. */
interface Port {
  readonly spec: TensorSpec
  readonly node: string
}

/** @throws {SomaError} `model/load-failed`, `model/unsupported` for inputs that are no tensors. */
export async function loadGraph({ path, json, artifacts }: TfjsFiles): Promise<TfModel> {
  const model = await loadGraphModel(io.fromMemory(artifacts)).catch((cause: unknown) => {
    throw asLoadFailed(path, cause)
  })
  const nodes = nodesOf(json)
  checkOperators(model, path)
  const inputs = model.inputs.map((input) => portOf(input, json.signature?.inputs, nodes))
  const outputs = model.outputs.map((output) => portOf(output, json.signature?.outputs, nodes))
  const dynamic = [...nodes.values()].some(({ op }) => isDynamic.test(op))
  return {
    signature: { inputs: inputs.map(({ spec }) => spec), outputs: outputs.map(({ spec }) => spec) },
    execute: (tensors, wanted) => execute(model, { inputs, outputs, dynamic }, tensors, wanted),
    dispose: () => model.dispose(),
  }
}

/** The library finds out only when it meets them; its nodes have no category then. */
function checkOperators(model: GraphModel, path: string): void {
  const { executor } = model as unknown as {
    readonly executor?: { readonly graph?: { readonly nodes?: Readonly<Record<string, MappedNode>> } }
  }
  const unknown = Object.values(executor?.graph?.nodes ?? {}).filter(({ op, category }) => category === undefined && op !== undefined)
  if (unknown.length === 0) return
  const names = [...new Set(unknown.map(({ op }) => op))].slice(0, 10)
  throw unsupported(path, `TensorFlow.js has no operator ${names.join(', ')}; a conversion to ONNX or TensorFlow Lite may have`)
}

interface MappedNode {
  readonly op?: string
  readonly category?: string
}

/** Operators whose path or shapes depend on values: the library runs these only asynchronously. */
const isDynamic =
  /^(Switch|Merge|Enter|Exit|NextIteration|LoopCond|(Stateless)?(If|While)|Where|NonMaxSuppression.*|Tensor(Array|List).*|HashTable.*|LookupTable.*)$/

async function execute(
  model: GraphModel,
  ports: { readonly inputs: readonly Port[]; readonly outputs: readonly Port[]; readonly dynamic: boolean },
  tensors: NamedTensorMap,
  wanted: readonly string[],
): Promise<readonly TfTensor[]> {
  const feed = Object.fromEntries(ports.inputs.map(({ spec, node }) => [node, tensors[spec.name] as TfTensor]))
  const nodes = wanted.map((name) => ports.outputs.find(({ spec }) => spec.name === name)?.node ?? name)
  const results = ports.dynamic ? await model.executeAsync(feed, nodes) : model.execute(feed, nodes)
  return Array.isArray(results) ? results : [results]
}

interface GraphNode {
  readonly name: string
  readonly op: string
  readonly attr?: Readonly<Record<string, { readonly type?: string } | undefined>>
}

function nodesOf({ modelTopology }: ModelJson): ReadonlyMap<string, GraphNode> {
  const nodes = Array.isArray(modelTopology['node']) ? (modelTopology['node'] as GraphNode[]) : []
  return new Map(nodes.map((node) => [node.name, node]))
}

function portOf(
  { name, shape, dtype }: { readonly name: string; readonly shape?: readonly number[]; readonly dtype?: string },
  ports: Ports = {},
  nodes: ReadonlyMap<string, GraphNode>,
): Port {
  const signed = Object.entries(ports).find(([, port]) => port.name === name || port.name === `${name}:0`)
  // The library itself takes what an operator compares for what it gives.
  const found = dtypeOf(signed?.[1].dtype) ?? resultOf(nodes.get(nodeName(name))) ?? dtypeOf(dtype)
  if (found === undefined) throw unsupported(`"${name}"`, `it is a ${dtype ?? 'thing'}, not a tensor that can be sent`)
  const sizes = shape ?? signedShape(signed?.[1])
  return {
    node: name,
    spec: { name: signed?.[0].replace(/:0$/, '') ?? name, dtype: found, shape: sizes?.map((size) => Math.max(-1, size)) ?? null },
  }
}

/** Of outputs only the signature may know. */
function signedShape(port: SignedPort | undefined): readonly number[] | undefined {
  const { tensorShape } = port ?? {}
  return tensorShape && !tensorShape.unknownRank ? tensorShape.dim.map(({ size }) => Number(size)) : undefined
}

/** `node:1` is the second result of `node`. */
function nodeName(name: string): string {
  return name.replace(/:\d+$/, '')
}

const truths = /^(Equal|NotEqual|Greater|GreaterEqual|Less|LessEqual|Logical.*|Is(Nan|Inf|Finite)|All|Any)$/

/** What kind of numbers an operator gives, as its attributes say it. */
function resultOf(node: GraphNode | undefined): ReturnType<typeof dtypeOf> {
  if (node === undefined) return undefined
  if (truths.test(node.op)) return 'bool'
  return ['DstT', 'output_type', 'out_type', 'dtype', 'T'].map((key) => dtypeOf(node.attr?.[key]?.type)).find((type) => type !== undefined)
}
