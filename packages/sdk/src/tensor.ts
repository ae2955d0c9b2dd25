import { SomaError } from '@soma/core'
import { type Dtype, type Tensor, type TensorValue, decodeValues, dtypeSizeBytes, encodeValues } from '@soma/spec'

/** What a tensor can be made of. A typed array says its dtype; lists are float32, string or bool by their first element. */
export type TensorSource =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | readonly number[]
  | readonly string[]
  | readonly boolean[]

export interface TensorOptions {
  /** Sizes of the dimensions; one dimension of all elements when absent. */
  readonly shape?: readonly number[]
  /** For what the source cannot say: `float16` from numbers, `bool` from bytes. */
  readonly dtype?: Dtype
}

const dtypeByArray: Readonly<Record<string, Dtype>> = {
  Float16Array: 'float16',
  Float32Array: 'float32',
  Float64Array: 'float64',
  Int8Array: 'int8',
  Int16Array: 'int16',
  Int32Array: 'int32',
  BigInt64Array: 'int64',
  Uint8Array: 'uint8',
  Uint8ClampedArray: 'uint8',
  Buffer: 'uint8',
  Uint16Array: 'uint16',
  Uint32Array: 'uint32',
  BigUint64Array: 'uint64',
}

/**
 * A named tensor from a typed array (not copied) or a list.
 * @throws {SomaError} `model/input-mismatch` when the elements do not fit the dtype, or their count the shape.
 * @example
 * tensor('input', new Float32Array(512), { shape: [1, 512] })
 * tensor('words', ['hello', 'world'])
 */
export function tensor(name: string, source: TensorSource, options: TensorOptions = {}): Tensor {
  const { dtype, data, elements } = ArrayBuffer.isView(source) ? fromView(source, options) : fromList(source, options)
  const shape = options.shape ?? [elements]
  const wanted = shape.reduce((product, size) => product * size, 1)
  if (wanted !== elements || !Number.isInteger(elements))
    throw new SomaError(
      'model/input-mismatch',
      `tensor "${name}": the shape [${shape.join(', ')}] takes ${wanted} elements, ${elements} came`,
      {
        details: { tensor: name, expected: wanted, actual: elements },
      },
    )
  return { name, dtype, shape, data }
}

/**
 * A tensor's elements in row-major order: numbers, strings or booleans; 64-bit integers beyond 2^53 as decimal strings.
 * @example
 * values(outputs[0]) // [0.1, 0.9]
 */
export function values({ dtype, data }: Tensor): TensorValue[] {
  return decodeValues(dtype, data)
}

interface Elements {
  readonly dtype: Dtype
  readonly data: Uint8Array
  readonly elements: number
}

function fromView(source: ArrayBufferView, { dtype = dtypeByArray[source.constructor.name] }: TensorOptions): Elements {
  if (dtype === undefined || dtype === 'string')
    throw new SomaError('model/input-mismatch', `a ${source.constructor.name} does not hold ${dtype ?? 'elements of any dtype'}`)
  const data = new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
  return { dtype, data, elements: data.byteLength / dtypeSizeBytes(dtype) }
}

function fromList(source: readonly TensorValue[], { dtype = dtypeOfList(source) }: TensorOptions): Elements {
  return { dtype, data: encodeValues(dtype, source), elements: source.length }
}

function dtypeOfList([first]: readonly TensorValue[]): Dtype {
  if (typeof first === 'string') return 'string'
  return typeof first === 'boolean' ? 'bool' : 'float32'
}
