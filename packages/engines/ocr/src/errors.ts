import { type ErrorDetails, SomaError } from '@soma/core'

/** The bytes are no picture we can read. `why` completes "the picture …". */
export function unreadable(why: string, options: { details?: ErrorDetails; cause?: unknown } = {}): SomaError {
  return new SomaError('model/unreadable-input', `the picture ${why}`, options)
}

/** The inputs do not fit the signature. */
export function mismatch(message: string, details: ErrorDetails = {}): SomaError {
  return new SomaError('model/input-mismatch', message, { details })
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
