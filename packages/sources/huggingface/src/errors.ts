import { type ErrorCode, type ErrorDetails, SomaError } from '@soma/core'
import { type HttpReply, publicUrl } from '@soma/spec'
import { REVISIONS_SHOWN } from './limits.ts'

export function invalidReference(name: string, why: string): SomaError {
  const message = `hf/${name} cannot be read: ${why}; expected hf/org/name, and optionally @ with a branch, tag or commit and : with a file or variant`
  return new SomaError('source/invalid-reference', message.slice(0, 1000))
}

/** A repository as errors speak of it. */
export interface AskedRepository {
  readonly repository: string
  readonly endpoint: string
  /** Whether a token was sent. */
  readonly authenticated: boolean
}

/** What the hub's refusals (401, 403, 404) mean: it says so in `X-Error-Code`, because the status alone cannot tell. */
export function hubError(reply: HttpReply, asked: AskedRepository): SomaError {
  const { 'x-error-code': errorCode = '', 'x-error-message': why = '' } = reply.headers
  const { repository, endpoint, authenticated } = asked
  const details = { url: publicUrl(reply.url), status: reply.status, repository, ...(errorCode !== '' && { errorCode }) }
  const fail = (code: ErrorCode, message: string, more: ErrorDetails = {}): SomaError =>
    new SomaError(code, message, { details: { ...details, ...more } })
  if (errorCode === 'GatedRepo') return gated(asked, details)
  if (/access to this resource is disabled/i.test(why)) return disabled(asked)
  if (errorCode === 'RepoNotFound') {
    const next = authenticated ? 'its name may be wrong, or your token may not see it' : 'if it is private, set HF_TOKEN'
    return fail('source/not-found', `${endpoint} has no model ${repository}; ${next}`)
  }
  if (errorCode === 'RevisionNotFound') return fail('source/not-found', `${repository} has no such revision`)
  if (errorCode === 'EntryNotFound') return fail('source/not-found', `${repository} has no such file: ${details.url}`)
  if (reply.status === 404) return fail('source/not-found', `${details.url} is not there`)
  const next = authenticated ? 'the token is expired, or may not read it' : `set HF_TOKEN to a token from ${endpoint}/settings/tokens`
  return fail('source/unauthorized', `${endpoint} refuses access to ${repository}; ${next}`)
}

export function gated({ repository, endpoint, authenticated }: AskedRepository, details: ErrorDetails = {}): SomaError {
  const page = `${endpoint}/${repository}`
  const next = authenticated ? 'with the account of your token' : `and set HF_TOKEN to a token from ${endpoint}/settings/tokens`
  return new SomaError('source/gated', `${repository} is gated: accept its terms at ${page} ${next}`, {
    details: { ...details, repository, page },
  })
}

export function disabled({ repository, endpoint }: AskedRepository): SomaError {
  return new SomaError('source/revoked', `${repository} was disabled by ${endpoint}; install another model`, { details: { repository } })
}

export function noSuchRevision(repository: string, wanted: string, there: readonly string[], cause: unknown): SomaError {
  const known = there.length > 0 ? `; there are ${there.slice(0, REVISIONS_SHOWN).join(', ')}` : ''
  return new SomaError('source/not-found', `${repository} has no revision ${wanted}${known}`, {
    details: { repository, wanted, revisions: there.slice(0, REVISIONS_SHOWN) },
    cause,
  })
}

export function noSuchModel(repository: string, similar: readonly string[], cause: SomaError): SomaError {
  if (similar.length === 0) return cause
  return new SomaError('source/not-found', `${cause.message}; did you mean ${similar.join(', ')}?`, {
    details: { ...cause.details, similar },
    cause,
  })
}

export function badAnswer(endpoint: string, what: string, cause: unknown): SomaError {
  const message = `${endpoint} did not send ${what}; is this address a Hugging Face hub?`
  return new SomaError('source/unavailable', message, { details: { endpoint }, cause, retryable: false })
}

export function notCached(reference: string, folder: string | undefined): SomaError {
  const message = `HF_HUB_OFFLINE is set, and ${reference} is not in the cache ${folder ?? '(there is none)'}; unset it, or download the model there first`
  return new SomaError('source/offline', message, { details: { reference } })
}
