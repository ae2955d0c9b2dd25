import type { Dtype } from '@soma/spec'

/** TensorFlow's `DataType`, by number. Those without a counterpart here are left out. */
const byNumber: Readonly<Record<number, Dtype>> = {
  1: 'float32',
  2: 'float64',
  3: 'int32',
  4: 'uint8',
  5: 'int16',
  6: 'int8',
  7: 'string',
  9: 'int64',
  10: 'bool',
  14: 'bfloat16',
  17: 'uint16',
  19: 'float16',
  22: 'uint32',
  23: 'uint64',
}

const byName: Readonly<Record<string, Dtype>> = {
  DT_FLOAT: 'float32',
  DT_DOUBLE: 'float64',
  DT_INT32: 'int32',
  DT_UINT8: 'uint8',
  DT_INT16: 'int16',
  DT_INT8: 'int8',
  DT_STRING: 'string',
  DT_INT64: 'int64',
  DT_BOOL: 'bool',
  DT_BFLOAT16: 'bfloat16',
  DT_UINT16: 'uint16',
  DT_HALF: 'float16',
  DT_UINT32: 'uint32',
  DT_UINT64: 'uint64',
}

/** A dtype as TensorFlow writes it: by number in protobuf, by name in JSON. Arguments of functions are references to it, 100 above. */
export function tensorflowDtype(type: number | string): Dtype | undefined {
  return typeof type === 'string' ? byName[type] : byNumber[type > 100 ? type - 100 : type]
}
