import { type ErrorDetails, SomaError } from '@soma/core'

/** The bytes are no picture we can read. `why` completes "the picture …". */
export function unreadable(why: string, options: { details?: ErrorDetails; cause?: unknown } = {}): SomaError {
  return new SomaError('model/unreadable-input', `the picture ${why}`, options)
}

/** The inputs fit the signature, but not what it cannot say. */
export function mismatch(input: string, expected: string, actual: string): SomaError {
  return new SomaError('model/input-mismatch', `input "${input}": expected ${expected}, got ${actual}`, {
    details: { input, expected, actual },
  })
}

/** A file of the package cannot be loaded. */
export function loadFailed(file: string, why: string, cause?: unknown): SomaError {
  return new SomaError('model/load-failed', `${file}: ${why}; \`soma model verify\` tells whether it is damaged`, {
    details: { file },
    cause,
  })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
