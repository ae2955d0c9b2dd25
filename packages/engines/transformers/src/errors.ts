import { type ErrorDetails, SomaError, isSomaError } from '@soma/core'

/** A file of the package cannot be loaded. */
export function loadFailed(file: string, why: string, cause?: unknown): SomaError {
  return new SomaError('model/load-failed', `${file}: ${why}; \`soma model verify\` tells whether it is damaged`, {
    details: { file },
    cause,
  })
}

/** The model, or this engine, cannot do what was asked; `option` names it. */
export function unsupported(option: string, why: string, details: ErrorDetails = {}): SomaError {
  return new SomaError('model/unsupported', `"${option}": ${why}`, { details: { option, ...details } })
}

/** The inputs fit the signature, but not what it cannot say. */
export function mismatch(input: string, expected: string, actual: string): SomaError {
  return new SomaError('model/input-mismatch', `input "${input}": expected ${expected}, got ${actual}`, {
    details: { input, expected, actual },
  })
}

/** More tokens than the model takes. */
export function contextOverflow(what: string, promptTokens: number, contextLength: number): SomaError {
  return new SomaError('model/context-overflow', `${what} has ${promptTokens} tokens; the model takes ${contextLength}`, {
    details: { promptTokens, contextLength },
  })
}

/** The bytes are no picture we can read. `why` completes "the picture …". */
export function unreadable(why: string, cause?: unknown): SomaError {
  return new SomaError('model/unreadable-input', `the picture ${why}`, { cause })
}

/** What the library threw while it loaded `file`, as the host should see it. */
export function loadError(file: string, thrown: unknown): SomaError {
  if (isSomaError(thrown)) return thrown
  const message = messageOf(thrown)
  if (/^Unsupported model type/i.test(message))
    return new SomaError('model/unsupported', `the library behind this engine does not know the model: ${message}`, { cause: thrown })
  return loadFailed(file, message.split('\n')[0] ?? message, thrown)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
