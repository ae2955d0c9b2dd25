import { STATUS_CODES } from 'node:http'
import { SomaError, isSomaError } from '@soma/core'
import type { ForeignMoment, Translator } from '@soma/spec'
import type { Reply } from './reply.ts'

export const PROBLEM_CONTENT_TYPE = 'application/problem+json'

/** What a failed request answers: a problem document, or what the clients of another system's API know. */
export function errorReply(
  error: SomaError,
  translator: Translator | undefined,
  at: ForeignMoment,
): Reply & Required<Pick<Reply, 'headers'>> {
  const problem = error.toProblem()
  const foreign = translator?.error(problem, at)
  const reply = foreign ?? { status: problem.status, contentType: PROBLEM_CONTENT_TYPE, body: JSON.stringify(problem) }
  return { ...reply, headers: { ...errorHeaders(error), ...foreign?.headers } }
}

function errorHeaders({ code, details }: SomaError): Record<string, string> {
  const { retryAfterMs } = details
  return {
    ...(code === 'capability/unauthenticated' && { 'www-authenticate': 'Bearer' }),
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 && { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) }),
  }
}

/** @returns the error for a path that is there, or not, but has no such method. */
export function notFound(method: string, path: string, allow: readonly string[]): SomaError {
  const shown = path.slice(0, 200)
  if (allow.length === 0) return new SomaError('call/unknown', `there is nothing at ${shown}; GET /openapi.json lists what is`)
  return new SomaError('call/method-not-allowed', `${shown} has no ${method}, only ${allow.join(', ')}`, { details: { allow } })
}

/** The error behind what Node's HTTP parser and timers report about a connection. */
export function connectionError(error: Error & { readonly code?: string }): SomaError & { readonly status?: number } {
  if (isSomaError(error)) return error
  if (error.code === 'HPE_HEADER_OVERFLOW')
    return new SomaError('call/too-large', 'the request headers are over the limit', { cause: error })
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new SomaError('call/timeout', 'the request did not arrive in time', { cause: error })
  return new SomaError('call/malformed', `this is not an HTTP request: ${error.message}`, { cause: error })
}

const connectionStatus: Readonly<Partial<Record<string, number>>> = { 'call/too-large': 431, 'call/timeout': 408 }

/** A whole HTTP answer as text, for connections whose request never became one. */
export function rawAnswer(error: SomaError, callId: string): string {
  const status = connectionStatus[error.code] ?? error.toProblem().status
  const body = JSON.stringify({ ...error.toProblem(), status })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'connection: close',
    `content-type: ${PROBLEM_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `soma-call: ${callId}`,
    '',
    body,
  ].join('\r\n')
}
