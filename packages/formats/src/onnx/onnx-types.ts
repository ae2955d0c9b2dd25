import type { Dtype } from '@soma/spec'

interface ElementType {
  readonly name: string
  /** Null where elements differ in length, or writers in how they pack them. */
  readonly bits: number | null
  /** Ours, where tensors here have it. */
  readonly dtype?: Dtype
}

function ours(dtype: Dtype, bits: number | null): ElementType {
  return { name: dtype, bits, dtype }
}

/** `TensorProto.DataType`, by number. */
const elementTypes: ReadonlyMap<number, ElementType> = new Map([
  [1, ours('float32', 32)],
  [2, ours('uint8', 8)],
  [3, ours('int8', 8)],
  [4, ours('uint16', 16)],
  [5, ours('int16', 16)],
  [6, ours('int32', 32)],
  [7, ours('int64', 64)],
  [8, ours('string', null)],
  [9, ours('bool', 8)],
  [10, ours('float16', 16)],
  [11, ours('float64', 64)],
  [12, ours('uint32', 32)],
  [13, ours('uint64', 64)],
  [14, { name: 'complex64', bits: 64 }],
  [15, { name: 'complex128', bits: 128 }],
  [16, ours('bfloat16', 16)],
  [17, { name: 'float8e4m3fn', bits: 8 }],
  [18, { name: 'float8e4m3fnuz', bits: 8 }],
  [19, { name: 'float8e5m2', bits: 8 }],
  [20, { name: 'float8e5m2fnuz', bits: 8 }],
  [21, { name: 'uint4', bits: 4 }],
  [22, { name: 'int4', bits: 4 }],
  [23, { name: 'float4e2m1', bits: 4 }],
  [24, { name: 'float8e8m0', bits: 8 }],
  [25, { name: 'uint2', bits: 2 }],
  [26, { name: 'int2', bits: 2 }],
  [27, { name: 'float6e2m3', bits: null }],
  [28, { name: 'float6e3m2', bits: null }],
])

/** What is known of an ONNX element type; undefined for one that is newer than this table. */
export function onnxElementType(number: number): ElementType | undefined {
  return elementTypes.get(number)
}

/** The dtype of an ONNX element type, or the name of what is not supported. */
export function onnxDtype(number: number): { readonly dtype: Dtype } | { readonly unsupported: string } {
  const type = elementTypes.get(number)
  return type?.dtype ? { dtype: type.dtype } : { unsupported: type?.name ?? `element type ${number}` }
}
