import { SomaError, isSomaError } from '@soma/core'

/** A file of the package cannot be loaded. */
export function loadFailed(file: string, why: string, cause?: unknown): SomaError {
  return new SomaError('model/load-failed', `${file}: ${why}; \`soma model verify\` tells whether it is damaged`, {
    details: { file },
    cause,
  })
}

/** What reading a file threw, as a failure to load it. */
export function asLoadFailed(file: string, thrown: unknown): SomaError {
  if (isSomaError(thrown, 'model/load-failed') || isSomaError(thrown, 'call/cancelled')) return thrown
  return loadFailed(file, messageOf(thrown), thrown)
}

/** The request asks for something that this model has not. */
export function unsupported(option: string, why: string): SomaError {
  return new SomaError('model/unsupported', `"${option}": ${why}`, { details: { option } })
}

export function mismatch(input: string, expected: string, actual: string): SomaError {
  return new SomaError('model/input-mismatch', `input "${input}": expected ${expected}, got ${actual}`, {
    details: { input, expected, actual },
  })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
