import { SomaError } from '@soma/core'
import { type Dtype, type Tensor, decodeStrings, dtypeSizeBytes, encodeStrings } from '@soma/spec'
import { unsupportedType } from './errors.ts'
import type { OrtData, OrtRuntime, OrtTensor } from './runtime.ts'

type OrtDtype = Exclude<Dtype, 'bfloat16' | 'string'>
type View = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => Exclude<OrtData, string[]>

/** The arrays that the library takes; float16 as its bits, see `runtime.ts`. */
const views: Readonly<Record<OrtDtype, View>> = {
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
}

export function isOrtDtype(type: string): type is OrtDtype | 'string' {
  return type === 'string' || Object.hasOwn(views, type)
}

/** A tensor as the library takes it: a view of the same bytes where they are aligned, as frames make them. */
export function toOrtTensor(runtime: OrtRuntime, tensor: Tensor): OrtTensor {
  const { name, dtype, shape, data } = tensor
  if (dtype === 'bfloat16') throw unsupportedType(`input "${name}"`, dtype)
  if (dtype === 'string') return new runtime.Tensor(dtype, checkedStrings(name, data), shape)
  if (dtype === 'bool') checkBools(name, data)
  const elementBytes = dtypeSizeBytes(dtype)
  const aligned = data.byteOffset % elementBytes === 0 ? data : new Uint8Array(data)
  return new runtime.Tensor(dtype, new views[dtype](aligned.buffer, aligned.byteOffset, aligned.byteLength / elementBytes), shape)
}

/** A tensor that the library gave: a view of its bytes. */
export function fromOrtTensor(name: string, { type, dims, data }: OrtTensor): Tensor {
  if (!isOrtDtype(type)) throw unsupportedType(`output "${name}"`, type)
  return { name, dtype: type, shape: dims, data: bytesOf(data) }
}

function bytesOf(data: OrtData): Uint8Array {
  if (Array.isArray(data)) return encodeStrings(data)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** The library's binding takes C strings: it would cut them at a NUL without a word. */
function checkedStrings(name: string, data: Uint8Array): string[] {
  const strings = decodeStrings(data)
  const index = strings.findIndex((text) => text.includes('\0'))
  if (index >= 0) throw misfit(name, 'strings without NUL, which the library would cut', `one at element ${index}`)
  return strings
}

/** C++ has no bool but 0 and 1: with any other byte operators give nonsense. */
function checkBools(name: string, data: Uint8Array): void {
  const index = data.findIndex((byte) => byte > 1)
  if (index >= 0) throw misfit(name, 'bools, 0 or 1', `${data[index]} at element ${index}`)
}

function misfit(input: string, expected: string, actual: string): SomaError {
  return new SomaError('model/input-mismatch', `input "${input}": expected ${expected}, got ${actual}`, {
    details: { input, expected, actual },
  })
}
