import type { SomaError } from '@soma/core'
import { type SaidError, answeredError } from '../errors.ts'
import { ERROR_BYTES_MAX } from '../limits.ts'
import { readBytes } from './read.ts'

/** The error that an answer with a bad status is. Some servers say in it which key they were given; it is left out. */
export async function failedAnswer(origin: string, response: Response, key?: string): Promise<SomaError> {
  const text = await readBytes(response, ERROR_BYTES_MAX).then(
    (bytes) => withoutKey(new TextDecoder().decode(bytes), key),
    () => '',
  )
  const redirect =
    response.status >= 300 && response.status < 400 ? `a redirect to ${response.headers.get('location') ?? 'nowhere'}` : undefined
  const said = redirect === undefined ? readError(text) : { message: redirect }
  return answeredError(origin, response.status, { ...said, message: said.message || response.statusText }, retryAfter(response.headers))
}

/** `{error: {message, code, param}}` is OpenAI’s and Anthropic’s, `{error}` Ollama’s and the Open Inference Protocol’s, `{detail}` FastAPI’s. */
export function readError(text: string): SaidError {
  const value = parsed(text)
  if (typeof value !== 'object' || value === null) return { message: text.trim() }
  const { error, detail, message } = value as { readonly error?: unknown; readonly detail?: unknown; readonly message?: unknown }
  if (typeof error === 'object' && error !== null) return fieldsOf(error)
  const said = [error, detail, message].find((text) => typeof text === 'string')
  return { message: typeof said === 'string' ? said : text.trim() }
}

function fieldsOf(error: object): SaidError {
  const { message, code, type, param } = error as { readonly [name: string]: unknown }
  const kind = [code, type].find((text) => typeof text === 'string')
  return {
    message: typeof message === 'string' ? message : JSON.stringify(error),
    ...(typeof kind === 'string' && { code: kind }),
    ...(typeof param === 'string' && { param }),
  }
}

function withoutKey(text: string, key: string | undefined): string {
  return key ? text.replaceAll(key, '[key]') : text
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds, as most say it; a date is taken for "later", without a time. */
function retryAfter(headers: Headers): number | undefined {
  const ms = Number(headers.get('retry-after-ms') ?? Number.NaN)
  if (Number.isFinite(ms)) return Math.max(0, ms)
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined
}
