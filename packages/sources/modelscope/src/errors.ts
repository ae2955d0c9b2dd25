import { SomaError } from '@soma/core'
import { REVISIONS_SHOWN } from './limits.ts'

export function invalidReference(name: string, why: string): SomaError {
  const message = `modelscope/${name} cannot be read: ${why}; expected modelscope/org/name, and optionally @ with a branch, tag or commit and : with a file or variant`
  return new SomaError('source/invalid-reference', message.slice(0, 1000))
}

export function noSuchModel(repository: string, asked: { authenticated: boolean; similar: readonly string[] }, cause: unknown): SomaError {
  const private_ = asked.authenticated ? 'your token may not see it' : 'if it is private, set MODELSCOPE_API_TOKEN'
  const next = asked.similar.length > 0 ? `did you mean ${asked.similar.join(', ')}?` : private_
  return new SomaError('source/not-found', `ModelScope has no model ${repository}; ${next}`, {
    details: { repository, similar: asked.similar },
    cause,
  })
}

export function noSuchRevision(repository: string, wanted: string, there: readonly string[]): SomaError {
  const known = there.length > 0 ? `; there are ${there.slice(0, REVISIONS_SHOWN).join(', ')}` : ''
  return new SomaError('source/not-found', `${repository} has no revision ${wanted}${known}`, {
    details: { repository, wanted, revisions: there.slice(0, REVISIONS_SHOWN) },
  })
}

/** The hub answers 200 to much that it refuses, and says why in the body. */
export function refused(url: string, code: number, why: string): SomaError {
  const unauthorised = /unauthori[sz]ed|permission|login|token/i.test(why)
  const next = unauthorised ? '; set MODELSCOPE_API_TOKEN to a token that may see it' : ''
  return new SomaError(unauthorised ? 'source/unauthorized' : 'source/unavailable', `ModelScope refused: ${why || `code ${code}`}${next}`, {
    details: { url, hubCode: code },
    retryable: false,
  })
}

export function unauthorized(endpoint: string, authenticated: boolean, cause: SomaError): SomaError {
  const next = authenticated ? 'the token in MODELSCOPE_API_TOKEN may not see it' : 'set MODELSCOPE_API_TOKEN to a token that may see it'
  return new SomaError('source/unauthorized', `${endpoint} refuses access; ${next}`, { details: cause.details, cause })
}

export function badAnswer(url: string, what: string, cause: unknown): SomaError {
  const message = `${url} did not send ${what}; is this address a ModelScope hub?`
  return new SomaError('source/unavailable', message, { details: { url }, cause, retryable: false })
}
