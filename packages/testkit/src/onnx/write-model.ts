import { type Dtype, decodeStrings } from '@soma/spec'
import { Message } from './protobuf.ts'

/** An input or output; a size that is a string is free and has that name, a null shape has a free rank. */
export interface OnnxValue {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: ReadonlyArray<number | string> | null
}

/** A constant of the graph: its data inside the model, or in another file beside it. */
export interface OnnxTensor {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** As a `Tensor`'s data. */
  readonly data: Uint8Array
  /** Path of a file that holds the data instead, relative to the model. */
  readonly external?: string
}

export type OnnxAttribute = bigint | number | string | readonly bigint[] | OnnxTensor

/** One operator; `bigint` attributes are ONNX ints, `number` ones floats. */
export interface OnnxNode {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxModel {
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly initializers?: readonly OnnxTensor[]
  readonly opset?: number
  /** What the model says of itself beside the graph. */
  readonly metadata?: Readonly<Record<string, string>>
}

/** Opset 17 and IR 8 are old enough for every runtime that is still in use, and new enough for all operators here. */
const OPSET = 17
const IR_VERSION = 8

/** Numbers of `TensorProto.DataType`. */
const dataTypes: Readonly<Record<Dtype, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}

/** Writes a real ONNX file. @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto for the field numbers. */
export function writeOnnxModel(model: OnnxModel): Uint8Array {
  const graph = new Message()
    .each(model.nodes, (message, node) => message.message(1, nodeOf(node)))
    .bytes(2, 'graph')
    .each(model.initializers ?? [], (message, tensor) => message.message(5, tensorOf(tensor)))
    .each(model.inputs, (message, value) => message.message(11, valueOf(value)))
    .each(model.outputs, (message, value) => message.message(12, valueOf(value)))
  return new Message()
    .varint(1, IR_VERSION)
    .bytes(2, 'soma-testkit')
    .message(7, graph)
    .message(8, new Message().bytes(1, '').varint(2, model.opset ?? OPSET))
    .each(Object.entries(model.metadata ?? {}), (message, [key, value]) => message.message(14, new Message().bytes(1, key).bytes(2, value)))
    .encode()
}

function nodeOf({ op, inputs, outputs, attributes = {} }: OnnxNode): Message {
  return new Message()
    .each(inputs, (message, name) => message.bytes(1, name))
    .each(outputs, (message, name) => message.bytes(2, name))
    .bytes(4, op)
    .each(Object.entries(attributes), (message, [name, value]) => message.message(5, attributeOf(name, value)))
}

function attributeOf(name: string, value: OnnxAttribute): Message {
  const message = new Message().bytes(1, name)
  if (typeof value === 'bigint') return message.varint(3, value).varint(20, 2)
  if (typeof value === 'number') return message.float(2, value).varint(20, 1)
  if (typeof value === 'string') return message.bytes(4, value).varint(20, 3)
  if ('dtype' in value) return message.message(5, tensorOf(value)).varint(20, 4)
  return message.each(value, (list, item) => list.varint(8, item)).varint(20, 7)
}

function tensorOf({ name, dtype, shape, data, external }: OnnxTensor): Message {
  const message = new Message().each(shape, (list, size) => list.varint(1, size)).varint(2, dataTypes[dtype])
  if (dtype === 'string') return message.each(decodeStrings(data), (list, text) => list.bytes(6, text)).bytes(8, name)
  if (external === undefined) return message.bytes(8, name).bytes(9, data)
  const entries = Object.entries({ location: external, length: String(data.byteLength) })
  return message
    .bytes(8, name)
    .each(entries, (list, [key, value]) => list.message(13, new Message().bytes(1, key).bytes(2, value)))
    .varint(14, 1)
}

function valueOf({ name, dtype, shape }: OnnxValue): Message {
  const tensor = new Message().varint(1, dataTypes[dtype])
  if (shape)
    tensor.message(
      2,
      new Message().each(shape, (list, size) => list.message(1, dimensionOf(size))),
    )
  return new Message().bytes(1, name).message(2, new Message().message(1, tensor))
}

function dimensionOf(size: number | string): Message {
  return typeof size === 'number' ? new Message().varint(1, size) : new Message().bytes(2, size)
}
