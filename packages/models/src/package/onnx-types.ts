import type { Dtype } from '@soma/spec'

/** `TensorProto.DataType` as our dtypes, by number. */
const dtypeByNumber: Readonly<Record<number, Dtype>> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  6: 'int32',
  7: 'int64',
  8: 'string',
  9: 'bool',
  10: 'float16',
  11: 'float64',
  12: 'uint32',
  13: 'uint64',
  16: 'bfloat16',
}

/** Element types that ONNX has and tensors here have not. */
const unsupportedByNumber: Readonly<Record<number, string>> = {
  14: 'complex64',
  15: 'complex128',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  21: 'uint4',
  22: 'int4',
  23: 'float4e2m1',
  24: 'float8e8m0',
}

/** The dtype of an ONNX element type, or the name of what is not supported. */
export function onnxDtype(elementType: number): { readonly dtype: Dtype } | { readonly unsupported: string } {
  const dtype = dtypeByNumber[elementType]
  return dtype ? { dtype } : { unsupported: unsupportedByNumber[elementType] ?? `element type ${elementType}` }
}
