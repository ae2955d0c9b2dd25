import { SomaError } from '@soma/core'
import { type Dtype, dtypeSizeBytes } from './dtype.ts'

/** Strings of one tensor. A body of 256 MiB could hold 64 million empty ones, and decoding those held up everybody for 10 s. */
export const STRINGS_MAX = 1024 * 1024

/** One element as JSON can write it. */
export type TensorValue = number | string | boolean

type NumericDtype = Exclude<Dtype, 'bool' | 'string' | 'bfloat16' | 'int64' | 'uint64'>
const arrays = {
  float16: Float16Array,
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
} as const satisfies Record<NumericDtype, unknown>

const integerRanges: Readonly<Partial<Record<Dtype, readonly [bigint, bigint]>>> = {
  int8: [-(2n ** 7n), 2n ** 7n - 1n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint8: [0n, 2n ** 8n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
}

/**
 * Packs JSON values into a tensor's bytes.
 * @throws {SomaError} `model/input-mismatch` for a value the dtype cannot hold, with its index.
 */
export function encodeValues(dtype: Dtype, values: readonly TensorValue[]): Uint8Array {
  if (dtype === 'string')
    return encodeStrings(values.map((value, index) => (typeof value === 'string' ? value : refuse(dtype, value, index))))
  if (dtype === 'bool') return pack(new Uint8Array(values.length), values, toBool)
  if (dtype === 'bfloat16') return encodeBfloat16(values.map((value, index) => toFloat(dtype, value, index)))
  const range = integerRanges[dtype]
  if (dtype === 'int64' || dtype === 'uint64')
    return pack(new BigInt64Array(values.length), values, (value, index) => BigInt.asIntN(64, toInteger(dtype, value, index)))
  const convert = range ? smallInteger(dtype, range) : (value: TensorValue, index: number) => toFloat(dtype, value, index)
  return pack(new arrays[dtype](values.length), values, convert)
}

/** A plain loop: `from` with a function takes ten times as long, and values come by the million. */
function pack<Element>(
  packed: { [index: number]: Element } & ArrayBufferView,
  values: readonly TensorValue[],
  convert: (value: TensorValue, index: number) => Element,
): Uint8Array {
  for (let index = 0; index < values.length; index++) packed[index] = convert(values[index] as TensorValue, index)
  return bytesOf(packed)
}

/** Unpacks a tensor's bytes into JSON values: what `encodeValues` takes, in the same order. */
export function decodeValues(dtype: Dtype, data: Uint8Array): TensorValue[] {
  if (dtype === 'string') return decodeStrings(data)
  if (dtype === 'bool') return Array.from(data, (byte) => byte !== 0)
  const aligned = alignedCopy(data, dtypeSizeBytes(dtype))
  if (dtype === 'int64') return Array.from(new BigInt64Array(aligned), fromBigInt)
  if (dtype === 'uint64') return Array.from(new BigUint64Array(aligned), fromBigInt)
  if (dtype === 'bfloat16') return Array.from(decodeBfloat16(new Uint16Array(aligned)), fromFloat)
  return Array.from(new arrays[dtype](aligned) as ArrayLike<number>, fromFloat)
}

/**
 * Packs strings as little-endian u32 length and UTF-8 bytes each, one after the other.
 * @throws {SomaError} `model/input-mismatch` for more than `STRINGS_MAX`.
 */
export function encodeStrings(values: readonly string[]): Uint8Array {
  if (values.length > STRINGS_MAX) throw tooManyStrings()
  const encoder = new TextEncoder()
  const encoded = values.map((value) => encoder.encode(value))
  const data = new Uint8Array(encoded.reduce((sum, bytes) => sum + 4 + bytes.byteLength, 0))
  const view = new DataView(data.buffer)
  let offset = 0
  for (const bytes of encoded) {
    view.setUint32(offset, bytes.byteLength, true)
    data.set(bytes, offset + 4)
    offset += 4 + bytes.byteLength
  }
  return data
}

/**
 * @returns the strings packed by `encodeStrings`.
 * @throws {SomaError} `model/input-mismatch` when a length runs past the end, the bytes are not UTF-8, or there are more
 *   than `STRINGS_MAX`.
 */
export function decodeStrings(data: Uint8Array): string[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const strings: string[] = []
  let offset = 0
  while (offset < data.byteLength) {
    const end = offset + 4 <= data.byteLength ? offset + 4 + view.getUint32(offset, true) : Infinity
    if (strings.length === STRINGS_MAX) throw tooManyStrings()
    if (end > data.byteLength)
      throw new SomaError('model/input-mismatch', `string ${strings.length} of the tensor runs past its ${data.byteLength} bytes`)
    strings.push(decodeUtf8(decoder, data.subarray(offset + 4, end), strings.length))
    offset = end
  }
  return strings
}

function tooManyStrings(): SomaError {
  return new SomaError('model/input-mismatch', `the tensor holds more than ${STRINGS_MAX} strings; send them in parts`, {
    details: { stringsMax: STRINGS_MAX },
  })
}

function decodeUtf8(decoder: TextDecoder, bytes: Uint8Array, index: number): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new SomaError('model/input-mismatch', `string ${index} of the tensor is not UTF-8`, { cause })
  }
}

function toBool(value: TensorValue, index: number): number {
  if (value === true || value === 1) return 1
  if (value === false || value === 0) return 0
  return refuse('bool', value, index)
}

/** Plain numbers, which most are, without the way through `bigint`, which takes ten times as long. */
function smallInteger(dtype: Dtype, range: readonly [bigint, bigint]): (value: TensorValue, index: number) => number {
  const [lowest, highest] = range.map(Number) as [number, number]
  return (value, index) =>
    typeof value === 'number' && Number.isInteger(value) && value >= lowest && value <= highest
      ? value
      : Number(toInteger(dtype, value, index))
}

function toInteger(dtype: Dtype, value: TensorValue, index: number): bigint {
  const whole = typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'string' && /^-?\d{1,20}$/.test(value)
  if (!whole) return refuse(dtype, value, index)
  const integer = BigInt(value)
  const [lowest, highest] = integerRanges[dtype] ?? [0n, 0n]
  return integer >= lowest && integer <= highest ? integer : refuse(dtype, value, index)
}

function toFloat(dtype: Dtype, value: TensorValue, index: number): number {
  if (typeof value === 'number') return value
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value)
  return refuse(dtype, value, index)
}

function refuse(dtype: Dtype, value: TensorValue, index: number): never {
  throw new SomaError('model/input-mismatch', `value ${index} (${JSON.stringify(value).slice(0, 40)}) does not fit ${dtype}`, {
    details: { index, dtype },
  })
}

function fromBigInt(value: bigint): TensorValue {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function fromFloat(value: number): TensorValue {
  return Number.isFinite(value) ? value : String(value)
}

function bytesOf(array: { readonly buffer: ArrayBufferLike; readonly byteOffset: number; readonly byteLength: number }): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
}

function alignedCopy(data: Uint8Array, elementBytes: number): ArrayBuffer {
  const whole = data.byteLength - (data.byteLength % elementBytes)
  // Not `slice`: a Buffer's would be a view into its pool.
  return new Uint8Array(data.subarray(0, whole)).buffer
}

/** bfloat16 is the upper half of a float32, rounded to nearest even. */
function encodeBfloat16(values: readonly number[]): Uint8Array {
  const bits = new Uint32Array(Float32Array.from(values).buffer)
  const isNaNBits = (word: number): boolean => (word & 0x7fffffff) > 0x7f800000
  const rounded = bits.map((word) => (isNaNBits(word) ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16))
  return bytesOf(new Uint16Array(rounded))
}

function decodeBfloat16(halves: Uint16Array): Float32Array {
  return new Float32Array(new Uint32Array(halves).map((half) => half << 16).buffer)
}
