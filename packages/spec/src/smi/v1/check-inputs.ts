import { SomaError } from '@soma/core'
import type { Dtype } from '../../tensor/dtype.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { Signature, TensorSpec } from './model.ts'

/**
 * Checks inputs against a signature: every required one there, none unknown or twice, dtype, rank and fixed sizes right,
 * and no NaN or infinity where the model takes none. Reads tensor data only for that last one.
 * @throws {SomaError} `model/input-mismatch` with `details` `{ input, expected, actual }`.
 */
export function checkInputs(signature: Signature, inputs: readonly Tensor[]): void {
  const specs = new Map(signature.inputs.map((spec) => [spec.name, spec]))
  const seen = new Set<string>()
  for (const tensor of inputs) {
    const spec = specs.get(tensor.name)
    if (!spec) throw unknown(signature, tensor)
    if (seen.has(tensor.name)) throw mismatch(tensor.name, 'one tensor', 'it twice')
    seen.add(tensor.name)
    checkInput(spec, tensor)
  }
  if (seen.size === specs.size) return
  const missing = signature.inputs.find((spec) => spec.optional !== true && !seen.has(spec.name))
  if (missing) throw mismatch(missing.name, describe(missing.dtype, missing.shape), 'nothing')
}

/** Names as a person writes them: `float32[1, ?, 3]`; `?` for a size, `...` for a rank, that is free. */
function describe(dtype: Dtype, shape: readonly number[] | null): string {
  return `${dtype}[${shape === null ? '...' : shape.map((size) => (size < 0 ? '?' : size)).join(', ')}]`
}

function checkInput(spec: TensorSpec, tensor: Tensor): void {
  if (tensor.dtype !== spec.dtype || !fits(spec.shape, tensor.shape))
    throw mismatch(spec.name, describe(spec.dtype, spec.shape), describe(tensor.dtype, tensor.shape))
  if (spec.finite !== true) return
  const index = firstNonFinite(tensor.dtype, tensor.data)
  if (index >= 0) throw mismatch(spec.name, 'finite numbers', `NaN or infinity at element ${index}`)
}

function fits(expected: readonly number[] | null, actual: readonly number[]): boolean {
  if (expected === null) return true
  return expected.length === actual.length && expected.every((size, axis) => size < 0 || size === actual[axis])
}

type Words = Uint16Array | Uint32Array
/** A float is NaN or infinite when all bits of its exponent are set; a float64's are in its upper, second word. */
const exponents: Readonly<Partial<Record<Dtype, { readonly words: 2 | 4; readonly step: 1 | 2; readonly mask: number }>>> = {
  float16: { words: 2, step: 1, mask: 0x7c00 },
  bfloat16: { words: 2, step: 1, mask: 0x7f80 },
  float32: { words: 4, step: 1, mask: 0x7f80_0000 },
  float64: { words: 4, step: 2, mask: 0x7ff0_0000 },
}

function firstNonFinite(dtype: Dtype, data: Uint8Array): number {
  const format = exponents[dtype]
  if (!format) return -1
  const aligned = data.byteOffset % format.words === 0 ? data : new Uint8Array(data)
  const { buffer, byteOffset, byteLength } = aligned
  const words: Words =
    format.words === 2 ? new Uint16Array(buffer, byteOffset, byteLength >> 1) : new Uint32Array(buffer, byteOffset, byteLength >> 2)
  for (let at = format.step - 1; at < words.length; at += format.step)
    if (((words[at] ?? 0) & format.mask) === format.mask) return (at - format.step + 1) / format.step
  return -1
}

function unknown(signature: Signature, tensor: Tensor): SomaError {
  const names = signature.inputs.map((spec) => spec.name).join(', ')
  return mismatch(tensor.name, `one of the model's inputs: ${names}`, 'an input of this name')
}

function mismatch(input: string, expected: string, actual: string): SomaError {
  return new SomaError('model/input-mismatch', `input "${input}": expected ${expected}, got ${actual}`, {
    details: { input, expected, actual },
  })
}
