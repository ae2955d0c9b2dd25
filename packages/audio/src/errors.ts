import { type ErrorDetails, SomaError } from '@soma/core'

/** The bytes are no recording that can be read. `why` completes "the recording …". */
export function unreadable(why: string, options: { readonly details?: ErrorDetails; readonly cause?: unknown } = {}): SomaError {
  return new SomaError('model/unreadable-input', `the recording ${why}`, options)
}

export function overLimit(unit: string, actual: number, limit: number): SomaError {
  return unreadable(`has ${actual} ${unit}, more than the ${limit} that are read: send it in parts`, { details: { unit, actual, limit } })
}
