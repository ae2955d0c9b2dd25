import { SomaError, isSomaError } from '@soma/core'

/** A file of the package cannot be loaded. */
export function loadFailed(file: string, why: string, cause?: unknown): SomaError {
  return new SomaError('model/load-failed', `${file}: ${why}; \`soma model verify\` tells whether it is damaged`, {
    details: { file },
    cause,
  })
}

export function asLoadFailed(file: string, thrown: unknown): SomaError {
  return isSomaError(thrown) ? thrown : loadFailed(file, messageOf(thrown), thrown)
}

export function unsupported(what: string, why: string): SomaError {
  return new SomaError('model/unsupported', `${what}: ${why}`, { details: { what } })
}

/** What the library threw while it computed. */
export function runFailed(library: string, thrown: unknown): SomaError {
  if (isSomaError(thrown)) return thrown
  return new SomaError('engine/failed', `${library} failed: ${messageOf(thrown)}`, { cause: thrown })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
