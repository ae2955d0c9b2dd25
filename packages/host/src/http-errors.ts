import { STATUS_CODES } from 'node:http'
import { type ErrorCode, SomaError, abortError, isSomaError } from '@soma/core'
import { publicUrl } from '@soma/spec'

/** What failed requests are described by. */
export interface FailedRequest {
  readonly url: URL
  readonly signal: AbortSignal
}

/** An answer that is no success, as the error its caller sees. `now` is wall time in milliseconds, for Retry-After dates. */
export function statusError(url: URL, status: number, headers: Readonly<Record<string, string>>, now: number): SomaError {
  const retryAfterMs = parseRetryAfter(headers['retry-after'], now)
  const { 'www-authenticate': challenge, 'x-error-code': errorCode } = headers
  const details = {
    host: url.host,
    url: publicUrl(url),
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(challenge !== undefined && { challenge }),
    ...(errorCode !== undefined && { errorCode }),
  }
  const message =
    `${url.host} answered ${status} ${STATUS_CODES[status] ?? ''}`.trimEnd() +
    ` for ${details.url.split('?')[0]}${statusAdvice(status, retryAfterMs, now)}`
  return new SomaError(statusCode(status), message, { details, retryable: isTemporary(status) })
}

/** A request that got no answer, or only a part of it. */
export function transportError(thrown: unknown, { url, signal }: FailedRequest): SomaError {
  if (signal.aborted) return abortError(signal)
  if (isSomaError(thrown)) return thrown
  const reason = reasonOf(thrown)
  const details = { host: url.host, url: publicUrl(url), reason }
  if (isProxyRefusal(thrown)) {
    const message = `the proxy on the way to ${url.host} wants credentials; put them into HTTPS_PROXY: http://user:password@proxy`
    return new SomaError('source/unauthorized', message, { details, cause: thrown })
  }
  const permanent = isCertificateProblem(reason) || reason === WRONG_LENGTH
  return new SomaError('source/unavailable', `${explain(reason, url.host)} (${reason})`, { details, cause: thrown, retryable: !permanent })
}

/** Milliseconds to wait by a Retry-After header: seconds, or an HTTP date. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

function statusCode(status: number): ErrorCode {
  if (status === 401 || status === 403 || status === 407) return 'source/unauthorized'
  if (status === 404 || status === 410) return 'source/not-found'
  return status === 429 ? 'source/rate-limited' : 'source/unavailable'
}

/** 408 Request Timeout and 425 Too Early are the other two client errors that ask for another try. */
function isTemporary(status: number): boolean {
  return status >= 500 || status === 429 || status === 408 || status === 425
}

function statusAdvice(status: number, retryAfterMs: number | undefined, now: number): string {
  if (status === 401 || status === 403) return '; check the credentials configured for this host'
  if (status !== 429) return ''
  return retryAfterMs === undefined ? '; wait before trying again' : `; wait until ${dateText(now + retryAfterMs)}`
}

/** `2026-01-31T12:00:00Z`; a server may name a moment that no date can hold. */
function dateText(at: number): string {
  return new Date(Math.min(at, DATE_MS_MAX)).toISOString().replace(/\.\d+/, '')
}

/** @see https://tc39.es/ecma262/#sec-time-values-and-time-range */
const DATE_MS_MAX = 8.64e15

/** The system's or undici's code of a failure: `ECONNREFUSED`, `UND_ERR_HEADERS_TIMEOUT`. */
function reasonOf(thrown: unknown): string {
  const { code, cause } = (thrown ?? {}) as { readonly code?: unknown; readonly cause?: unknown }
  if (typeof code === 'string' && code !== 'UND_ERR_SOCKET') return code
  if (typeof cause === 'object' && cause !== null) return reasonOf(cause)
  return typeof code === 'string' ? code : thrown instanceof Error ? thrown.message : String(thrown)
}

/** undici's code for a request whose body is not as long as its headers say. */
const WRONG_LENGTH = 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'

function isProxyRefusal(thrown: unknown): boolean {
  return thrown instanceof Error && /\bproxy\b.*\b407\b/i.test(thrown.message)
}

function isCertificateProblem(reason: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_SSL|ERR_TLS/.test(reason)
}

function explain(reason: string, host: string): string {
  if (reason === 'ENOTFOUND' || reason === 'EAI_AGAIN') return `the name of ${host} cannot be resolved; is this machine offline`
  if (reason === 'ECONNREFUSED') return `nothing answers at ${host}`
  if (reason === 'ENETUNREACH' || reason === 'EHOSTUNREACH') return `there is no route to ${host}; is this machine offline`
  if (/TIMEOUT|ETIMEDOUT/.test(reason)) return `${host} did not answer in time`
  if (isCertificateProblem(reason)) return `the certificate of ${host} is not trusted; a company’s own CA goes into NODE_EXTRA_CA_CERTS`
  if (reason === WRONG_LENGTH) return `the body for ${host} is not as long as was announced`
  return `the connection to ${host} broke`
}
