import { type Dtype, type Tensor, decodeStrings, encodeStrings } from '@soma/spec'
import { type DataType, type Tensor as TfTensor, tensor as makeTensor } from '@tensorflow/tfjs-core'
import { unsupported } from './errors.ts'

const dtypes: Readonly<Record<string, Dtype>> = {
  float32: 'float32',
  int32: 'int32',
  bool: 'bool',
  string: 'string',
  // What model.json's signatures say; the library holds all whole numbers as int32.
  DT_FLOAT: 'float32',
  DT_HALF: 'float32',
  DT_DOUBLE: 'float32',
  DT_BFLOAT16: 'float32',
  DT_INT8: 'int32',
  DT_INT16: 'int32',
  DT_INT32: 'int32',
  DT_INT64: 'int32',
  DT_UINT8: 'int32',
  DT_BOOL: 'bool',
  DT_STRING: 'string',
}

/** Ours for the library's, or TensorFlow's, name of a dtype; undefined for what are no tensors of ours. */
export function dtypeOf(name: string | undefined): Dtype | undefined {
  return name === undefined ? undefined : dtypes[name]
}

/** Copies, for the library keeps what it is given, and a frame's bytes are not aligned. */
export function toTf({ dtype, shape, data }: Tensor): TfTensor {
  if (dtype === 'string') return makeTensor(decodeStrings(data), [...shape], 'string')
  return makeTensor(valuesOf(dtype, new Uint8Array(data)), [...shape], dtype as DataType)
}

function valuesOf(dtype: Dtype, { buffer }: Uint8Array<ArrayBuffer>): Float32Array | Int32Array | Uint8Array {
  if (dtype === 'float32') return new Float32Array(buffer)
  return dtype === 'int32' ? new Int32Array(buffer) : new Uint8Array(buffer)
}

/** @throws {SomaError} `model/unsupported` for complex numbers. */
export function fromTf(name: string, tensor: TfTensor): Tensor {
  const dtype = dtypeOf(tensor.dtype)
  if (dtype === undefined) throw unsupported(`output "${name}"`, `tensors of ${tensor.dtype} cannot be given`)
  return { name, dtype, shape: tensor.shape, data: bytesOf(tensor) }
}

function bytesOf(tensor: TfTensor): Uint8Array {
  const values: unknown = tensor.dataSync()
  if (Array.isArray(values)) return encodeStrings(values.map(String))
  // A copy: the backend may hand out its own memory.
  const { buffer, byteOffset, byteLength } = values as Float32Array
  return new Uint8Array(buffer, byteOffset, byteLength).slice()
}
