import { SomaError } from '@soma/core'
import { z } from 'zod'
import { DtypeSchema } from './dtype-schema.ts'
import { type Dtype, dtypeSizeBytes } from './dtype.ts'
import { type TensorValue, decodeStrings, decodeValues, encodeValues } from './values.ts'

/** A ranked array of one dtype: row-major, little-endian, no gaps. */
export interface Tensor {
  readonly name: string
  readonly dtype: Dtype
  /** Sizes of the dimensions; empty for a scalar. */
  readonly shape: readonly number[]
  readonly data: Uint8Array
}

/** Rank over 32 exists in no format we read; the limit keeps shape products cheap to check. */
const RANK_MAX = 32
const TENSOR_NAME_LENGTH_MAX = 512

/** Raw bytes inside a call. Faces carry them as attachments, never inside JSON. */
export const Bytes = z
  .custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected binary data: send it as an attachment, or use "values"')
  .meta({ type: 'string', format: 'binary' })

const Shape = z.array(z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER)).max(RANK_MAX)
const TensorName = z.string().min(1).max(TENSOR_NAME_LENGTH_MAX)
const TensorValueSchema = z.union([z.number(), z.string(), z.boolean()])
/** By hand for what comes in: a schema per element takes forty times as long, and there can be millions. */
const WrittenValues = z
  .custom<readonly TensorValue[]>((values) => Array.isArray(values) && oddValue(values) < 0, {
    error: ({ input }) =>
      Array.isArray(input)
        ? `element ${oddValue(input)} is no number, string or boolean`
        : 'expected a flat list of numbers, strings or booleans',
  })
  .meta({ type: 'array' })

/**
 * A tensor as callers write it: `data` as binary attachment, or `values` as a flat JSON array in row-major order
 * (64-bit integers as decimal strings where a double cannot hold them; `"NaN"`, `"Infinity"`, `"-Infinity"` as strings).
 * `shape` defaults to `[values.length]`. Parsed, it always has `data`.
 */
export const TensorSchema = z
  .strictObject({
    name: TensorName,
    dtype: DtypeSchema,
    shape: Shape.optional(),
    data: Bytes.optional(),
    values: WrittenValues.optional(),
  })
  .transform((written, context): Tensor => {
    try {
      return toTensor(written)
    } catch (error) {
      // With the error itself, so that `parseInput` can throw it: `model/input-mismatch` says more than "invalid".
      context.addIssue({ code: 'custom', message: (error as Error).message, params: { error } })
      return z.NEVER
    }
  })
  .meta({ id: 'Tensor' })

/** A tensor as JSON clients read it back: with `values`, and no `data`. */
export const TensorJsonSchema = z.strictObject({
  name: TensorName,
  dtype: DtypeSchema,
  shape: Shape,
  values: z
    .array(TensorValueSchema)
    .describe('Row-major; 64-bit integers beyond 2^53 as decimal strings, NaN and infinities as their names'),
})
export interface TensorJson extends Omit<Tensor, 'data'> {
  readonly values: readonly TensorValue[]
}

function oddValue(values: readonly unknown[]): number {
  return values.findIndex((value) => typeof value !== 'number' && typeof value !== 'string' && typeof value !== 'boolean')
}

interface WrittenTensor {
  readonly name: string
  readonly dtype: Dtype
  readonly shape?: readonly number[] | undefined
  readonly data?: Uint8Array | undefined
  readonly values?: readonly TensorValue[] | undefined
}

function toTensor({ name, dtype, shape, data, values }: WrittenTensor): Tensor {
  if ((data === undefined) === (values === undefined)) throw new Error(`tensor "${name}" needs either data or values`)
  const bytes = data ?? encodeValues(dtype, values ?? [])
  const tensor = { name, dtype, shape: shape ?? [values?.length ?? elementsIn(dtype, bytes)], data: bytes }
  checkTensorBytes(tensor)
  return tensor
}

function elementsIn(dtype: Dtype, data: Uint8Array): number {
  return dtype === 'string' ? decodeStrings(data).length : data.byteLength / dtypeSizeBytes(dtype)
}

/** The number of elements of a shape: the product of its sizes, 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

/**
 * Checks that the data has as many bytes as dtype and shape say.
 * @throws {SomaError} `model/input-mismatch` naming the tensor, what was expected and what came.
 */
export function checkTensorBytes(tensor: Tensor): void {
  const { name, dtype, shape, data } = tensor
  const elements = elementCount(shape)
  const actual = dtype === 'string' ? decodeStrings(data).length : data.byteLength
  const expected = dtype === 'string' ? elements : elements * dtypeSizeBytes(dtype)
  if (actual === expected) return
  const unit = dtype === 'string' ? 'strings' : 'bytes'
  throw new SomaError('model/input-mismatch', `tensor "${name}": ${dtype}[${shape.join(', ')}] takes ${expected} ${unit}, ${actual} came`, {
    details: { input: name, expected, actual, unit },
  })
}

/** The JSON form of a tensor, for clients that cannot take attachments. */
export function tensorToJson({ name, dtype, shape, data }: Tensor): TensorJson {
  return { name, dtype, shape, values: decodeValues(dtype, data) }
}
