import type { TensorSpec } from '@soma/spec'
import type { Field, ProtobufReader } from '../protobuf/protobuf-reader.ts'
import { ONNX_NAME_LENGTH_MAX, ONNX_PORTS_MAX, ONNX_RANK_MAX } from './limits.ts'
import { onnxDtype } from './onnx-types.ts'

/** An input or output: a tensor of ours, or what it is instead. */
export interface OnnxPort {
  readonly name: string
  readonly type: { readonly spec: Omit<TensorSpec, 'name'> } | { readonly unsupported: string }
}

const untyped: OnnxPort['type'] = { unsupported: 'a value without a type' }

/** Fields of `TypeProto` that are no tensors. */
const otherTypes: Readonly<Record<number, string>> = { 4: 'sequence', 5: 'map', 7: 'opaque', 8: 'sparse tensor', 9: 'optional' }

/** Reads a `ValueInfoProto` and adds it to `ports`. @throws {SomaError} `package/invalid-model` */
export async function scanPort(reader: ProtobufReader, field: Field, ports: OnnxPort[]): Promise<void> {
  let name = ''
  let type = untyped
  await reader.message(field, async (part) => {
    if (part.number === 1) name = await reader.text(part)
    if (part.number === 2) type = await scanType(reader, part)
  })
  if (name.length > ONNX_NAME_LENGTH_MAX)
    throw reader.invalid(`a name of at most ${ONNX_NAME_LENGTH_MAX} characters`, name.length, field.offset)
  if (ports.push({ name, type }) > ONNX_PORTS_MAX) throw reader.invalid(`at most ${ONNX_PORTS_MAX} inputs or outputs`, 'more', field.offset)
}

async function scanType(reader: ProtobufReader, field: Field): Promise<OnnxPort['type']> {
  let type = untyped
  await reader.message(field, async (part) => {
    const other = otherTypes[part.number]
    if (other !== undefined) type = { unsupported: other }
    if (part.number === 1) type = await scanTensorType(reader, part)
  })
  return type
}

async function scanTensorType(reader: ProtobufReader, field: Field): Promise<OnnxPort['type']> {
  let elementType = 0
  let shape: number[] | null = null
  await reader.message(field, async (part) => {
    if (part.number === 1) elementType = part.value
    if (part.number === 2) shape = await scanShape(reader, part)
  })
  const known = onnxDtype(elementType)
  return 'dtype' in known ? { spec: { dtype: known.dtype, shape } } : known
}

async function scanShape(reader: ProtobufReader, field: Field): Promise<number[]> {
  const shape: number[] = []
  await reader.message(field, async (part) => {
    if (part.number !== 1) return
    let size = -1
    await reader.message(part, (dimension) => {
      if (dimension.number === 1) size = Number.isSafeInteger(dimension.value) ? Math.max(dimension.value, -1) : -1
    })
    if (shape.push(size) > ONNX_RANK_MAX) throw reader.invalid(`a shape of at most ${ONNX_RANK_MAX} dimensions`, 'more', field.offset)
  })
  return shape
}
