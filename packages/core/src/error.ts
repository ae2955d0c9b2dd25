import { type ErrorCode, errorCodes, isErrorCode } from './error-codes.ts'

const brand = Symbol.for('soma.error')

/** Facts about a failure, safe to send to the caller: JSON values only, never secrets. */
export type ErrorDetails = Readonly<Record<string, unknown>>

export interface SomaErrorOptions {
  readonly details?: ErrorDetails
  readonly cause?: unknown
  /** Overrides the code table, for a failure that is known to be temporary or permanent. */
  readonly retryable?: boolean
}

/** A problem as it travels, RFC 9457 with `code`, `details` and `retryable` as extension members. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details?: ErrorDetails
}

/** An expected failure. Its message says what went wrong, with which thing, and what to do next. */
export class SomaError extends Error {
  override readonly name = 'SomaError'
  readonly [brand] = true
  readonly code: ErrorCode
  readonly details: ErrorDetails
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: SomaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
    this.retryable = options.retryable ?? errorCodes[code].retryable
  }

  /** The problem document that faces send; `cause` and stack stay here. */
  toProblem(): Problem {
    const { code, message, retryable, details } = this
    const base = {
      type: `urn:soma:error:${code}`,
      title: errorCodes[code].summary,
      status: errorCodes[code].http,
      detail: message,
      code,
      retryable,
    }
    return Object.keys(details).length > 0 ? { ...base, details } : base
  }

  /** Rebuilds the error on the far side of a face. A code of a newer peer becomes `internal`. */
  static fromProblem(problem: {
    readonly code: string
    readonly detail: string
    readonly retryable?: boolean | undefined
    readonly details?: ErrorDetails | undefined
  }): SomaError {
    if (!isErrorCode(problem.code)) return new SomaError('internal', `${problem.code}: ${problem.detail}`)
    return new SomaError(problem.code, problem.detail, {
      ...(problem.details && { details: problem.details }),
      ...(problem.retryable !== undefined && { retryable: problem.retryable }),
    })
  }
}

/** True for a `SomaError` of any copy of this package, and of `code` if given. */
export function isSomaError(error: unknown, code?: ErrorCode): error is SomaError {
  const branded = typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[brand] === true
  return branded && (code === undefined || (error as SomaError).code === code)
}

/** Any thrown value as a `SomaError`: itself, an abort as `call/cancelled`, everything else as `internal`. */
export function toSomaError(thrown: unknown): SomaError {
  if (isSomaError(thrown)) return thrown
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  if (isSomaError(error.cause) && error.name === 'AbortError') return error.cause
  if (error.name === 'AbortError') return new SomaError('call/cancelled', 'the call was cancelled', { cause: error })
  if (error.name === 'TimeoutError') return new SomaError('call/timeout', 'the call took longer than its limit', { cause: error })
  if (isDiskFull(error)) return new SomaError('store/disk-full', `no space left on the device (${error.message})`, { cause: error })
  return new SomaError('internal', error.message, { cause: error })
}

function isDiskFull(error: Error): boolean {
  const { code } = error as { code?: unknown }
  return code === 'ENOSPC' || code === 'EDQUOT'
}
