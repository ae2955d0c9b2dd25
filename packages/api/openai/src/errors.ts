import { type ErrorCode, type Problem, SomaError } from '@soma/core'
import type { ForeignMoment, ForeignReply } from '@soma/spec'

/** OpenAI's own names for what can be said in them, and the statuses its clients expect. */
const known: Readonly<Partial<Record<ErrorCode, { readonly status?: number; readonly code: string; readonly param?: string }>>> = {
  'call/unknown': { code: 'unknown_url' },
  'capability/unauthenticated': { code: 'invalid_api_key' },
  'capability/denied': { code: 'insufficient_permissions' },
  'capability/quota-exhausted': { code: 'insufficient_quota' },
  'model/not-found': { status: 404, code: 'model_not_found', param: 'model' },
  'model/context-overflow': { status: 400, code: 'context_length_exceeded', param: 'messages' },
  'resource/exhausted': { code: 'rate_limit_exceeded' },
}

/** Fields of ours that OpenAI names otherwise, for errors that come from behind the translation. */
const theirNames: Readonly<Record<string, string>> = {
  maxTokens: 'max_completion_tokens',
  topP: 'top_p',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  format: 'response_format',
  toolChoice: 'tool_choice',
  session: 'prompt_cache_key',
  audio: 'file',
  priority: 'x-soma-priority',
}

/** A field that cannot be honoured, or is none at all. */
export function refused(param: string | null, code: string, message: string): SomaError {
  return new SomaError('call/invalid-input', message, { details: { param, code } })
}

/** An error as OpenAI's API writes it. */
export function errorBody(problem: Problem): { readonly error: object } {
  const { code, param } = namesOf(problem)
  return { error: { message: problem.detail, type: typeOf(statusOf(problem)), param, code } }
}

/** Says by header, too, whether its clients should try again by themselves, which they do by status otherwise. */
export function errorReply(problem: Problem, { callId }: ForeignMoment): ForeignReply {
  const headers = { 'x-request-id': callId, 'x-should-retry': String(problem.retryable) }
  const retryAfterMs = problem.details?.['retryAfterMs']
  return {
    status: statusOf(problem),
    contentType: 'application/json',
    body: JSON.stringify(errorBody(problem)),
    headers: { ...headers, ...(typeof retryAfterMs === 'number' && { 'retry-after-ms': String(Math.ceil(retryAfterMs)) }) },
  }
}

function statusOf(problem: Problem): number {
  if (isImpossibleName(problem)) return 404
  return known[problem.code]?.status ?? problem.status
}

function namesOf(problem: Problem): { readonly code: string; readonly param: string | null } {
  const { code, details = {} } = problem
  if (isImpossibleName(problem)) return { code: 'model_not_found', param: 'model' }
  const { param } = details
  return {
    code: typeof details['code'] === 'string' ? details['code'] : (known[code]?.code ?? code),
    param: typeof param === 'string' ? param : (translatedField(problem) ?? known[code]?.param ?? null),
  }
}

/** Their name for the field that an engine, or the kernel, would not take. */
function translatedField(problem: Problem): string | undefined {
  const option = problem.details?.['option'] ?? firstField(problem)
  return typeof option === 'string' ? (theirNames[option] ?? option) : undefined
}

/** What the kernel found wrong with the translated input. */
function firstField({ details = {} }: Problem): string | undefined {
  const { issues } = details as { readonly issues?: ReadonlyArray<{ readonly field?: unknown }> }
  const field = Array.isArray(issues) ? issues[0]?.field : undefined
  return typeof field === 'string' && field !== '' ? field : undefined
}

/** `GPT-4o` cannot be installed under that name: to these clients that is a model that is not there. */
function isImpossibleName(problem: Problem): boolean {
  return problem.code === 'call/invalid-input' && problem.details?.['param'] === undefined && firstField(problem) === 'model'
}

function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status >= 500 ? 'server_error' : 'invalid_request_error'
}
