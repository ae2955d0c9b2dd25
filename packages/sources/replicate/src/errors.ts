import { SomaError } from '@soma/core'

export function invalidReference(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; expected replicate/owner/name or replicate/owner/name@<64 hex digits>`)
}

export function unauthorized(hasToken: boolean, cause: unknown): SomaError {
  const advice = hasToken ? 'REPLICATE_API_TOKEN is not a token that it takes' : 'set REPLICATE_API_TOKEN'
  const code = hasToken ? 'source/unauthorized' : 'source/not-configured'
  return new SomaError(code, `Replicate answers only who has a token; ${advice}`, { cause })
}

export function notFound(what: string, cause: unknown): SomaError {
  return new SomaError('source/not-found', `Replicate has no ${what}; find its name with \`soma model search\``, {
    details: { wanted: what },
    cause,
  })
}

export function noVersion(model: string): SomaError {
  return new SomaError('source/not-found', `${model} has no version yet, so that there is nothing to install`, { details: { model } })
}

export function badDocument(url: string, cause: unknown): SomaError {
  return new SomaError('source/unavailable', `${url} is not what Replicate’s API says`, { details: { url }, cause, retryable: false })
}

export function tooLarge(model: string, sizeBytes: number, sizeBytesMax: number): SomaError {
  const message = `the schema of ${model} has ${sizeBytes} bytes; at most ${sizeBytesMax} are kept`
  return new SomaError('source/unsupported', message, { details: { model, sizeBytes, sizeBytesMax } })
}
