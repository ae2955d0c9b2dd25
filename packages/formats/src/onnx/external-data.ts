import { posix } from 'node:path'
import { SomaError, isSomaError } from '@soma/core'
import { checkPackagePath } from '@soma/spec'
import { invalidModel, quote } from '../invalid-model.ts'
import type { OnnxHeader } from './onnx-header.ts'

/** What one file beside the model must hold. */
export interface OnnxExternalFile {
  /** The furthest byte that a tensor of the model takes from it. */
  readonly endBytes: number
  /** The tensor that does. */
  readonly tensor: string
}

/** The path inside the package of what a model calls `location`. @throws {SomaError} `package/unsafe-path` when it leaves the model's folder. */
export function externalPath(model: string, location: string): string {
  try {
    return posix.join(posix.dirname(model), checkPackagePath(location))
  } catch (error) {
    if (!isSomaError(error, 'package/unsafe-path')) throw error
    throw new SomaError('package/unsafe-path', `${model} looks for its weights outside of the package: ${error.message}`, {
      details: { ...error.details, model },
      cause: error,
    })
  }
}

/**
 * Holds the files with the model's weights against what the model takes from them.
 * @param sizeOf size in bytes of a file of the package, undefined when there is none.
 * @throws {SomaError} `package/no-model` when a file is not in the package; `package/invalid-model` when it is too short.
 */
export function checkOnnxExternalData(model: string, header: OnnxHeader, sizeOf: (path: string) => number | undefined): void {
  const missing = [...header.externalData.keys()].filter((path) => sizeOf(path) === undefined)
  if (missing.length > 0)
    throw new SomaError(
      'package/no-model',
      `${model} keeps its weights in ${missing.slice(0, 3).map(quote).join(', ')}, which the package does not hold`,
      { details: { model, missing: missing.slice(0, 10) } },
    )
  for (const [path, { endBytes, tensor }] of header.externalData) {
    const sizeBytes = sizeOf(path) ?? 0
    if (endBytes > sizeBytes)
      throw invalidModel(path, sizeBytes, `${endBytes} bytes, of which ${model} takes the tensor ${quote(tensor)}`, 'its end')
  }
}
