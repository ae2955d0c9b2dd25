import { SomaError } from '@soma/core'
import { ERROR_TEXT_LENGTH_MAX } from './limits.ts'

export function loadFailed(why: string, cause?: unknown): SomaError {
  return new SomaError('model/load-failed', `the remote model cannot be loaded: ${why}`, { cause })
}

/** What an API has no word for. */
export function unsupported(option: string, api: string): SomaError {
  return new SomaError('model/unsupported', `the ${api} API has nothing like "${option}"; leave it out`, { details: { option } })
}

/** Fails for the first of these fields that is asked for. */
export function refuseAll<Request extends object>(request: Request, options: ReadonlyArray<keyof Request & string>, api: string): void {
  for (const option of options) if (request[option] !== undefined) throw unsupported(option, api)
}

export function unreadable(origin: string, what: string, cause?: unknown): SomaError {
  return new SomaError('engine/failed', `${origin} answered with ${what}`, { cause })
}

export function unreachable(origin: string, cause: unknown): SomaError {
  return new SomaError('engine/not-ready', `nothing answers at ${origin} (${reasonOf(cause)}); is the server running?`, { cause })
}

/** What an endpoint said went wrong, read from the shapes that APIs have for it. */
export interface SaidError {
  readonly message: string
  readonly code?: string | undefined
  readonly param?: string | undefined
}

/** What a status and an error’s own words mean for the caller. */
export function answeredError(origin: string, status: number, said: SaidError, retryAfterMs: number | undefined): SomaError {
  const message = `${origin} answered ${status}: ${said.message.slice(0, ERROR_TEXT_LENGTH_MAX)}`
  const details = { status, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  if (isOverflow(said)) return new SomaError('model/context-overflow', message, { details })
  if (status === 401 || status === 403)
    return new SomaError('engine/failed', `${message}; engines.remoteKeys says which key it gets`, { details, retryable: false })
  if (status === 404) return new SomaError('engine/missing', message, { details })
  if (status === 429 || status === 529 || (status === 503 && retryAfterMs !== undefined))
    return new SomaError('resource/exhausted', message, { details })
  if (status === 503) return new SomaError('engine/not-ready', message, { details })
  if (status >= 500 || status === 408) return new SomaError('engine/failed', message, { details, retryable: true })
  return new SomaError('model/unsupported', message, { details: { ...details, ...(said.param !== undefined && { option: said.param }) } })
}

/** OpenAI has a code for it; of the others only the words tell. */
function isOverflow({ code, message }: SaidError): boolean {
  return code === 'context_length_exceeded' || /prompt is too long|(context (length|size|window)|maximum context)/i.test(message)
}

function reasonOf(thrown: unknown): string {
  const { cause, message } = thrown as Error
  const { code } = (cause ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : message
}
