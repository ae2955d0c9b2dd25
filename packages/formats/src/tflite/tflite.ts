import type { Dtype, Signature, TensorSpec } from '@soma/spec'
import { invalidModel } from '../invalid-model.ts'
import type { ByteReader } from '../reader.ts'
import { FlatTable, type LazyTable } from './flat-buffer.ts'
import { TFLITE_NAME_BYTES_MAX, TFLITE_PORTS_MAX, TFLITE_RANK_MAX, TFLITE_SUBGRAPHS_MAX, TFLITE_TENSORS_MAX } from './limits.ts'

/** What a TensorFlow Lite file says of itself, without its weights. */
export interface TfliteHeader {
  readonly description: string
  /** Null when an input or output is no tensor of ours. */
  readonly signature: Signature | null
  /** Elements of all tensors whose values are in the file. */
  readonly parameters: number
  /** Bytes of those, by element type. */
  readonly typeHistogram: ReadonlyMap<string, number>
}

/** `TensorType`, by number: name, dtype here, and bits of one element. */
const types: ReadonlyArray<readonly [string, Dtype | null, number]> = [
  ['F32', 'float32', 32],
  ['F16', 'float16', 16],
  ['I32', 'int32', 32],
  ['U8', 'uint8', 8],
  ['I64', 'int64', 64],
  ['STRING', 'string', 8],
  ['BOOL', 'bool', 8],
  ['I16', 'int16', 16],
  ['C64', null, 64],
  ['I8', 'int8', 8],
  ['F64', 'float64', 64],
  ['C128', null, 128],
  ['U64', 'uint64', 64],
  ['RESOURCE', null, 0],
  ['VARIANT', null, 0],
  ['U32', 'uint32', 32],
  ['U16', 'uint16', 16],
  ['I4', null, 4],
  ['BF16', 'bfloat16', 16],
]
const MAGIC = 'TFL3'

export async function isTflite(reader: ByteReader): Promise<boolean> {
  return reader.sizeBytes >= 8 && Buffer.from(await reader.read(4, 8)).toString('latin1') === MAGIC
}

/**
 * Reads a TensorFlow Lite model's inputs, outputs and tensors. Field numbers are those of `schema.fbs`.
 * @throws {SomaError} `package/invalid-model` with the offset.
 * @see https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
 */
export async function readTflite(reader: ByteReader): Promise<TfliteHeader> {
  if (!(await isTflite(reader))) throw invalidModel(reader.name, 4, `the letters ${MAGIC}`, 'others')
  const model = await FlatTable.root(reader)
  const graphs = await model.tables(2, TFLITE_SUBGRAPHS_MAX)
  const [main] = graphs
  if (!main) throw invalidModel(reader.name, 0, 'a graph', 'none')
  const buffers = await model.tables(4, TFLITE_TENSORS_MAX)
  // A file has room for so many; lists that several graphs share could claim more.
  const tensorsMax = Math.min(TFLITE_TENSORS_MAX, Math.floor(reader.sizeBytes / 4))
  const weights = await countWeights(graphs, buffers, tensorsMax)
  return { description: await model.text(3, TFLITE_NAME_BYTES_MAX), signature: await signatureOf(reader, await main()), ...weights }
}

async function signatureOf(reader: ByteReader, graph: FlatTable): Promise<Signature | null> {
  const tensors = await graph.tables(0, TFLITE_TENSORS_MAX)
  const ports = async (field: number): Promise<Array<TensorSpec | null>> => {
    const specs: Array<TensorSpec | null> = []
    for (const index of await graph.integers(field, TFLITE_PORTS_MAX)) {
      const tensor = tensors[index]
      if (!tensor) throw invalidModel(reader.name, 0, `one of ${tensors.length} tensors`, index)
      specs.push(await portOf(await tensor()))
    }
    return specs
  }
  const [inputs, outputs] = [await ports(1), await ports(2)]
  if (inputs.includes(null) || outputs.includes(null)) return null
  return { inputs: inputs.filter((spec) => spec !== null), outputs: outputs.filter((spec) => spec !== null) }
}

async function portOf(tensor: FlatTable): Promise<TensorSpec | null> {
  const shape = await tensor.integers(0, TFLITE_RANK_MAX)
  const free = await tensor.integers(7, TFLITE_RANK_MAX)
  const dtype = types[await tensor.number(1, 1)]?.[1]
  const name = await tensor.text(3, TFLITE_NAME_BYTES_MAX)
  if (!dtype || name === '') return null
  return { name, dtype, shape: (free.length === shape.length ? free : shape).map((size) => Math.max(size, -1)) }
}

async function countWeights(
  graphs: readonly LazyTable[],
  buffers: readonly LazyTable[],
  tensorsMax: number,
): Promise<Pick<TfliteHeader, 'parameters' | 'typeHistogram'>> {
  const typeHistogram = new Map<string, number>()
  const sized = new Map<number, number>()
  let parameters = 0
  // Of all graphs together: many may share the same list.
  let left = tensorsMax
  for (const graph of graphs)
    for (const tensor of await (await graph()).tables(0, left)) {
      left--
      const table = await tensor()
      const buffer = await table.number(2, 4)
      if (buffer === 0 || sized.has(buffer)) continue
      const sizeBytes = await bufferBytes(buffers[buffer])
      sized.set(buffer, sizeBytes)
      const [name = 'OTHER', , bits = 0] = types[await table.number(1, 1)] ?? []
      if (sizeBytes === 0 || bits === 0) continue
      parameters += Math.floor((sizeBytes * 8) / bits)
      typeHistogram.set(name, (typeHistogram.get(name) ?? 0) + sizeBytes)
    }
  return { parameters, typeHistogram }
}

async function bufferBytes(buffer: LazyTable | undefined): Promise<number> {
  return buffer ? (await (await buffer()).vector(0, 1, Infinity)).length : 0
}
