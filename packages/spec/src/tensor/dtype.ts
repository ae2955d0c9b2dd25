/** Element types, named as in the ONNX and Open Inference Protocol worlds. */
export const dtypes = [
  'float16',
  'bfloat16',
  'float32',
  'float64',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
] as const
export type Dtype = (typeof dtypes)[number]

const bytesPerElement: Readonly<Record<Dtype, number>> = {
  float16: 2,
  bfloat16: 2,
  float32: 4,
  float64: 8,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
  string: 0,
}

/** Bytes of one element; 0 for `string`, whose elements are a little-endian u32 length and that many bytes of UTF-8. */
export function dtypeSizeBytes(dtype: Dtype): number {
  return bytesPerElement[dtype]
}
