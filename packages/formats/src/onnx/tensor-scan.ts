import { quote } from '../invalid-model.ts'
import type { Field, ProtobufReader } from '../protobuf/protobuf-reader.ts'
import { ONNX_RANK_MAX } from './limits.ts'
import { onnxElementType } from './onnx-types.ts'

/** Where a tensor's bytes are when they are not in the model. */
export interface OnnxExternalRange {
  readonly location: string
  readonly begin: number
  readonly end: number
}

/** A `TensorProto` without its data. */
export interface OnnxTensorInfo {
  readonly name: string
  /** `float32`, `int4`. */
  readonly dtype: string
  readonly elements: number
  /** Null where the element type does not say it: strings, and types newer than this reader. */
  readonly sizeBytes: number | null
  readonly external: OnnxExternalRange | null
}

/** `TensorProto.data_location`: the bytes are in another file. */
const EXTERNAL = 1

/**
 * Reads a `TensorProto`, skipping its data, and holds the data's length against dimensions and type.
 * @throws {SomaError} `package/invalid-model`
 */
export async function scanTensor(reader: ProtobufReader, field: Field): Promise<OnnxTensorInfo> {
  let name = ''
  let elementType = 0
  let rawBytes: number | null = null
  let isExternal = false
  const dimensions: number[] = []
  const entries = new Map<string, string>()
  await reader.message(field, async (part) => {
    if (part.number === 1) await scanDimensions(reader, part, dimensions)
    if (part.number === 2) elementType = part.value
    if (part.number === 8) name = await reader.text(part)
    if (part.number === 9) rawBytes = reader.sizeOf(part)
    if (part.number === 13) await scanEntry(reader, part, entries)
    if (part.number === 14) isExternal = part.value === EXTERNAL
  })
  const type = onnxElementType(elementType)
  const elements = product(reader, field, dimensions)
  const bits = type?.bits ?? null
  const sizeBytes = bits === null ? null : Math.ceil((elements * bits) / 8)
  checkBytes(reader, field, { name, rawBytes, sizeBytes })
  const external = isExternal ? externalRange(reader, field, { entries, sizeBytes }) : null
  return { name, dtype: type?.name ?? `element type ${elementType}`, elements, sizeBytes, external }
}

/** Reads a `StringStringEntryProto` into `entries`. */
export async function scanEntry(reader: ProtobufReader, field: Field, entries: Map<string, string>): Promise<void> {
  let key = ''
  let value = ''
  await reader.message(field, async (part) => {
    if (part.number === 1) key = await reader.text(part)
    if (part.number === 2) value = await reader.text(part)
  })
  entries.set(key, value)
}

async function scanDimensions(reader: ProtobufReader, part: Field, dimensions: number[]): Promise<void> {
  dimensions.push(...(await reader.integers(part, ONNX_RANK_MAX)))
  if (dimensions.length > ONNX_RANK_MAX) throw reader.invalid(`at most ${ONNX_RANK_MAX} dimensions`, 'more', part.offset)
}

function product(reader: ProtobufReader, field: Field, dimensions: readonly number[]): number {
  let elements = 1
  for (const dimension of dimensions) {
    if (dimension < 0) throw reader.invalid('a tensor dimension', dimension, field.offset)
    elements *= dimension
    // Sixteen bytes, the longest element, may follow each.
    if (elements > Number.MAX_SAFE_INTEGER / 16) throw reader.invalid('a tensor that fits any file', `${elements} elements`, field.offset)
  }
  return elements
}

interface TensorBytes {
  readonly name: string
  readonly rawBytes: number | null
  readonly sizeBytes: number | null
}

function checkBytes(reader: ProtobufReader, field: Field, { name, rawBytes, sizeBytes }: TensorBytes): void {
  if (rawBytes !== null && sizeBytes !== null && rawBytes !== sizeBytes)
    throw reader.invalid(`${sizeBytes} bytes of data of the tensor ${quote(name)}, by its dimensions and type`, rawBytes, field.offset)
}

interface External {
  readonly entries: ReadonlyMap<string, string>
  readonly sizeBytes: number | null
}

function externalRange(reader: ProtobufReader, field: Field, { entries, sizeBytes }: External): OnnxExternalRange {
  const location = entries.get('location')
  if (location === undefined) throw reader.invalid('the file that a tensor is in', 'no location', field.offset)
  const begin = integer(reader, field, entries.get('offset')) ?? 0
  const length = integer(reader, field, entries.get('length'))
  if (length !== null && sizeBytes !== null && length !== sizeBytes)
    throw reader.invalid(`${sizeBytes} bytes of a tensor in ${quote(location)}, by its dimensions and type`, length, field.offset)
  return { location, begin, end: begin + (length ?? sizeBytes ?? 0) }
}

function integer(reader: ProtobufReader, field: Field, text: string | undefined): number | null {
  if (text === undefined) return null
  const value = Number(text)
  if (!/^\d{1,16}$/.test(text) || value > Number.MAX_SAFE_INTEGER / 2)
    throw reader.invalid('an offset or length in bytes', quote(text), field.offset)
  return value
}
