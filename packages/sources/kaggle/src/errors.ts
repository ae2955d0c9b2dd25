import { SomaError } from '@soma/core'

export function invalidReference(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; expected kaggle/owner/model/framework/variation, with @version or not`)
}

export function invalidTfhub(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; expected tfhub/publisher/model/version or tfhub/https://tfhub.dev/…`)
}

export function badCredentials(path: string): SomaError {
  return new SomaError('config/invalid', `${path} is no Kaggle credentials file; make a new one at Kaggle’s settings page`, {
    details: { path },
  })
}

/** Not there; `known` are what is there instead. */
export function notFound(what: string, known: readonly string[], cause: unknown): SomaError {
  const instead = known.length > 0 ? `there are: ${known.join(', ')}` : 'check its name at Kaggle'
  return new SomaError('source/not-found', `Kaggle has no ${what}; ${instead}`, { details: { wanted: what, known }, cause })
}

/** The owner's terms come first. */
export function gated(model: string, page: string, reason: string): SomaError {
  const message = `${model} wants its terms to be accepted first, at ${page}; then set KAGGLE_USERNAME and KAGGLE_KEY`
  return new SomaError('source/gated', message, { details: { page, reason } })
}

export function forbidden(host: string, reason: string, hasCredentials: boolean): SomaError {
  const advice = hasCredentials ? 'the credentials that are set may not read it' : 'set KAGGLE_USERNAME and KAGGLE_KEY, or KAGGLE_API_TOKEN'
  return new SomaError('source/unauthorized', `${host} refused: ${reason || 'no reason given'}; ${advice}`, { details: { host, reason } })
}

export function badDocument(url: string, cause: unknown): SomaError {
  return new SomaError('source/unavailable', `${url} is not what Kaggle’s API says`, { details: { url }, cause, retryable: false })
}

export function notOnKaggle(path: string, landed: string): SomaError {
  const message = `tfhub.dev leads ${path} to ${landed}, which is no model at Kaggle: it was not moved there, and is gone`
  return new SomaError('source/not-found', message, { details: { path, landed } })
}
