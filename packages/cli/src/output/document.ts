import { type Tensor, decodeValues } from '@soma/spec'

/** A call's output as JSON can write it: tensors with their values instead of their bytes. */
export function toDocument(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (Array.isArray(value)) return value.map((item) => toDocument(item))
  if (isTensor(value)) {
    const { name, dtype, shape, data } = value
    return { name, dtype, shape, values: decodeValues(dtype, data) }
  }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toDocument(item)]))
}

function isTensor(value: object): value is Tensor {
  return 'dtype' in value && 'shape' in value && 'data' in value && value.data instanceof Uint8Array
}
