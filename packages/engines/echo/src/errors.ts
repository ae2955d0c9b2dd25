import { SomaError } from '@soma/core'

export function loadFailed(why: string, cause?: unknown): SomaError {
  return new SomaError('model/load-failed', `the echo model cannot be loaded: ${why}`, { cause })
}

/** What an engine with a bug would throw: nothing typed. */
export function askedToThrow(): Error {
  return new Error('the echo engine was asked to throw')
}
