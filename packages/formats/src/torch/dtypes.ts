/** Bytes of one element, and the dtype as safetensors names it, by the storage class's name. */
const storages: Readonly<Record<string, readonly [string, number]>> = {
  DoubleStorage: ['F64', 8],
  FloatStorage: ['F32', 4],
  HalfStorage: ['F16', 2],
  BFloat16Storage: ['BF16', 2],
  LongStorage: ['I64', 8],
  IntStorage: ['I32', 4],
  ShortStorage: ['I16', 2],
  CharStorage: ['I8', 1],
  ByteStorage: ['U8', 1],
  BoolStorage: ['BOOL', 1],
  ComplexFloatStorage: ['C64', 8],
  ComplexDoubleStorage: ['C128', 16],
  QUInt8Storage: ['QU8', 1],
  QInt8Storage: ['QI8', 1],
  QInt32Storage: ['QI32', 4],
  QUInt4x2Storage: ['QU4X2', 1],
  QUInt2x4Storage: ['QU2X4', 1],
  /** Bytes: what they are is said by the tensors. */
  UntypedStorage: ['U8', 1],
  _UntypedStorage: ['U8', 1],
}

export interface StorageType {
  readonly dtype: string
  readonly elementBytes: number
}

/** What a storage class holds; undefined for one that is not known. */
export function storageType(name: string): StorageType | undefined {
  const row = storages[name]
  return row && { dtype: row[0], elementBytes: row[1] }
}
