import { posix } from 'node:path'
import { SomaError } from '@soma/core'
import { type Dtype, type Signature, type TensorSpec, checkPackagePath } from '@soma/spec'
import { invalidModel, quote } from '../invalid-model.ts'
import { type JsonObject, countAt, isObject, listAt, objectAt, readJsonObject, textAt, textsAt } from '../json/read-json.ts'
import type { ByteReader } from '../reader.ts'
import { tensorflowDtype } from '../saved-model/dtypes.ts'

/** `model.json` holds the graph; the largest known has 4 MB. */
export const TFJS_BYTES_MAX = 64 * 1024 * 1024
const PORTS_MAX = 10_000
const RANK_MAX = 254

/** What a TensorFlow.js model says of itself. */
export interface TfjsHeader {
  readonly kind: 'graph-model' | 'layers-model'
  readonly generatedBy: string | null
  readonly signature: Signature | null
  /** Files with its weights, inside the package → bytes that the weights in them take, for the last file of each group. */
  readonly weights: ReadonlyMap<string, number>
  readonly parameters: number
  readonly typeHistogram: ReadonlyMap<string, number>
}

const elementBytes: Readonly<Record<string, number>> = {
  float32: 4,
  int32: 4,
  bool: 1,
  uint8: 1,
  uint16: 2,
  float16: 2,
  complex64: 8,
  string: 0,
}

/**
 * Reads the `model.json` of a TensorFlow.js model.
 * @returns null when it is some other JSON of that name.
 * @throws {SomaError} `package/invalid-model`; `package/unsafe-path` when its weights lie outside its folder.
 */
export async function readTfjs(reader: ByteReader): Promise<TfjsHeader | null> {
  const json = await readJsonObject(reader, TFJS_BYTES_MAX)
  const kind = textAt(json, 'format')
  const groups = listAt(json, 'weightsManifest').filter(isObject)
  if ((kind !== 'graph-model' && kind !== 'layers-model') || groups.length === 0) return null
  const weights = new Map<string, number>()
  const typeHistogram = new Map<string, number>()
  let parameters = 0
  for (const group of groups) {
    const paths = textsAt(group, 'paths').map((path) => posix.join(posix.dirname(reader.name), checkPackagePath(path)))
    const tensors = listAt(group, 'weights').filter(isObject)
    const sizes = tensors.map((tensor) => sizeOf(reader, tensor, typeHistogram))
    parameters += sizes.reduce((sum, { elements }) => sum + elements, 0)
    for (const path of paths) weights.set(path, 0)
    const last = paths.at(-1)
    if (last !== undefined)
      weights.set(
        last,
        sizes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      )
  }
  return { kind, generatedBy: textAt(json, 'generatedBy'), signature: signatureOf(json), weights, parameters, typeHistogram }
}

function sizeOf(
  reader: ByteReader,
  tensor: JsonObject,
  histogram: Map<string, number>,
): { readonly elements: number; readonly sizeBytes: number } {
  const shape = listAt(tensor, 'shape')
  const elements = shape.reduce<number>((product, size) => product * (Number.isSafeInteger(size) ? Math.max(Number(size), 0) : NaN), 1)
  const dtype = textAt(objectAt(tensor, 'quantization'), 'dtype') ?? textAt(tensor, 'dtype') ?? ''
  const bytes = elementBytes[dtype]
  if (bytes === undefined || !Number.isSafeInteger(elements * bytes))
    throw invalidModel(reader.name, 0, 'weights with a known dtype and shape', quote(String(tensor['name'])))
  histogram.set(dtype, (histogram.get(dtype) ?? 0) + elements * bytes)
  return { elements, sizeBytes: elements * bytes }
}

/** @throws {SomaError} `package/no-model` when a file with its weights is not in the package, `package/invalid-model` when they are too short. */
export function checkTfjsWeights(model: string, header: TfjsHeader, sizeOf: (path: string) => number | undefined): void {
  let total = 0
  for (const [path, neededBytes] of header.weights) {
    const sizeBytes = sizeOf(path)
    if (sizeBytes === undefined)
      throw new SomaError('package/no-model', `${model} keeps its weights in ${path}, which the package does not hold`, {
        details: { model, missing: [path] },
      })
    total += sizeBytes
    if (neededBytes === 0) continue
    if (neededBytes > total) throw invalidModel(path, 0, `${neededBytes} bytes of weights up to its end`, total)
    total = 0
  }
}

function signatureOf(json: JsonObject): Signature | null {
  const inputs = portsOf(objectAt(objectAt(json, 'signature'), 'inputs'))
  const outputs = portsOf(objectAt(objectAt(json, 'signature'), 'outputs'))
  return inputs && outputs && inputs.length + outputs.length > 0 ? { inputs, outputs } : null
}

function portsOf(ports: JsonObject): TensorSpec[] | null {
  const specs = Object.entries(ports)
    .slice(0, PORTS_MAX)
    .map(([name, port]) => (isObject(port) ? portOf(name, port) : null))
  return specs.includes(null) ? null : specs.filter((spec) => spec !== null)
}

function portOf(name: string, port: JsonObject): TensorSpec | null {
  const dtype: Dtype | undefined = tensorflowDtype(textAt(port, 'dtype') ?? '')
  const shape = objectAt(port, 'tensorShape')
  if (!dtype || name === '' || name.length > 512) return null
  const sizes = listAt(shape, 'dim')
    .filter(isObject)
    .map((dim) => countAt({ size: Number(dim['size']) }, 'size') ?? -1)
  return { name, dtype, shape: shape['unknownRank'] === true || sizes.length > RANK_MAX ? null : sizes }
}
