import { type Problem, SomaError, toSomaError } from '@soma/core'
import { CREDIT_MAX, METHOD_LENGTH_MAX } from './limits.ts'

/**
 * The peer protocol: what the frames of SMI and IPC say. Both ends may ask; each numbers its own calls from 1.
 *
 * From the asker:    `{ id, method, input, more? }`  a call; with `more`, that many events may be sent
 *                    `{ id, more }`                  so many events more
 *                    `{ cancel: id }`                the answer is no longer wanted; none need follow
 * From the answerer: `{ id, event }`                 one event of a stream
 *                    `{ id, output }`                the end, done
 *                    `{ id, error: Problem }`        the end, failed
 * From either:       `{ error: Problem }`            why the sender is about to close the connection
 *
 * A call without `more` gets no events, only its output: so a simple client may ignore streams.
 */
export type Message =
  | { readonly id: number; readonly method: string; readonly input: unknown; readonly more?: number }
  | { readonly id: number; readonly more: number }
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: Problem }
  | { readonly cancel: number }
  | { readonly error: Problem }

export function isCallNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

export function isMethod(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= METHOD_LENGTH_MAX
}

export function isCredit(value: unknown): value is number {
  return isCallNumber(value) && value <= CREDIT_MAX
}

/** JSON has no `undefined`: a message without its value would say nothing. */
export function sendable(value: unknown): unknown {
  return value === undefined ? null : value
}

export function problemOf(thrown: unknown): Problem {
  return toSomaError(thrown).toProblem()
}

/** The error that the other side sent. It is a stranger's: nothing of it is believed but strings and plain details. */
export function errorOf(problem: unknown): SomaError {
  const { code, detail, retryable, details } = (problem ?? {}) as Record<string, unknown>
  if (typeof code !== 'string' || typeof detail !== 'string')
    return new SomaError('internal', 'the other side failed, and its error cannot be read')
  return SomaError.fromProblem({
    code,
    detail,
    ...(typeof retryable === 'boolean' && { retryable }),
    ...(isPlain(details) && { details }),
  })
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
