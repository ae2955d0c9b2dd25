import type { Dtype } from '@soma/spec'

/** Our dtypes in the words of the Open Inference Protocol, version 2. */
const words: Readonly<Record<Dtype, string>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  bfloat16: 'BF16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES',
}
const dtypes = new Map(Object.entries(words).map(([dtype, word]) => [word, dtype as Dtype]))

export function datatypeOf(dtype: Dtype): string {
  return words[dtype]
}

/** @returns undefined for a word that is not of the protocol. */
export function dtypeOf(word: string): Dtype | undefined {
  return dtypes.get(word)
}
