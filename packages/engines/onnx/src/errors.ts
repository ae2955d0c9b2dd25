import { SomaError } from '@soma/core'

/** Numbers of ONNX's `TensorProto.DataType` that onnxruntime-node gives no name; it says only the number. */
const unnamedTypes: Readonly<Record<string, string>> = {
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8e4m3fn',
  18: 'float8e4m3fnuz',
  19: 'float8e5m2',
  20: 'float8e5m2fnuz',
  23: 'float4e2m1',
}

/** What the library threw while loading, as the host should see it. */
export function loadError(path: string, thrown: unknown): SomaError {
  const message = messageOf(thrown)
  const type = /^Unsupported data type: (\d+)$/.exec(message)?.[1]
  if (type !== undefined) return unsupportedType(path, unnamedTypes[type] ?? `type ${type}`)
  return new SomaError('model/load-failed', `onnxruntime cannot load ${path}: ${message}`, { details: { path }, cause: thrown })
}

export function unsupportedType(what: string, type: string): SomaError {
  return new SomaError('model/unsupported', `${what} has inputs or outputs of ${type}, which onnxruntime-node cannot take or give`, {
    details: { type },
  })
}

/** Shapes that only the graph knows: the signature leaves them free, so the library is the first to see the misfit. */
const misfit = /^(?:Got invalid dimensions for input|Invalid rank for input): (\S+)/

/** What CUDA, DirectX, Metal and Vulkan say once the device is gone or no longer answers; each of its own calls fails from then on. */
const deviceLost =
  /\b(?:CUDA|CUBLAS|CUDNN|CUFFT)(?:_\w+)? (?:failure|error)|\bdevice (?:is |was )?(?:lost|removed)|DEVICE_(?:LOST|REMOVED|HUNG|RESET)/i
const outOfMemory = /out of memory|failed to allocate memory/i

/** @param device where the model runs. */
export function runError(thrown: unknown, device: string): SomaError {
  const message = messageOf(thrown)
  if (device !== 'cpu' && outOfMemory.test(message))
    return new SomaError('resource/exhausted', `the memory of ${device} does not hold this call: ${message}`, {
      details: { device },
      cause: thrown,
    })
  if (device !== 'cpu' && deviceLost.test(message))
    return new SomaError('engine/device-lost', `${device} failed under the model: ${message}`, { details: { device }, cause: thrown })
  const input = misfit.exec(message)?.[1]
  if (input === undefined) return new SomaError('engine/failed', `onnxruntime failed: ${message}`, { cause: thrown })
  const actual = message.replace(/\s+/g, ' ').trim()
  return new SomaError('model/input-mismatch', `input "${input}": ${actual}`, {
    details: { input, expected: 'a shape that the model takes', actual },
    cause: thrown,
  })
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
