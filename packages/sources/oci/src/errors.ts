import { SomaError } from '@soma/core'
import type { OciReference } from './reference.ts'

const EXPECTED = 'expected oci/host/repository, with :tag or @sha256:<64 hex digits> at its end'

export function invalidReference(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; ${EXPECTED}`)
}

/** Not there; `tags` are what is there instead, empty when the repository has none or does not exist. */
export function notFound(reference: OciReference, tags: readonly string[], cause: unknown): SomaError {
  const { host, repository, tag, digest } = reference
  const wanted = digest ?? tag
  const instead = tags.length > 0 ? `its tags are ${tags.join(', ')}` : 'check the repository’s name'
  return new SomaError('source/not-found', `${host}/${repository} has no ${wanted}; ${instead}`, {
    details: { host, repository, wanted, tags },
    cause,
  })
}

export function unauthorized(host: string, repository: string, why: string, cause: unknown): SomaError {
  const message = `${host} wants other credentials for ${repository}: ${why}`
  return new SomaError('source/unauthorized', message, { details: { host, repository }, cause })
}

/** A document that is not what its media type says. */
export function badDocument(what: string, cause: unknown): SomaError {
  return new SomaError('source/unavailable', `${what} is not what the registry says it is`, { details: { what }, cause, retryable: false })
}

export function wrongDigest(what: string, expected: string, found: string): SomaError {
  const message = `${what} has the digest ${found}, and ${expected} was promised; the registry, or something before it, altered it`
  return new SomaError('package/hash-mismatch', message, { details: { what, expected, found } })
}

export function notAModel(reference: string, what: string): SomaError {
  return new SomaError('source/unsupported', `${reference} ${what}`, { details: { reference } })
}

export function unknownLayer(reference: string, mediaType: string): SomaError {
  const message = `${reference} has a layer of the type ${mediaType} without a file name; only model artifacts and layers with a title can be installed`
  return new SomaError('source/unsupported', message, { details: { reference, mediaType } })
}

export function unsupportedCompression(reference: string, mediaType: string): SomaError {
  const message = `${reference} has a layer compressed as ${mediaType}; only tar and tar+gzip can be unpacked: publish it again without zstd`
  return new SomaError('source/unsupported', message, { details: { reference, mediaType } })
}

export function badAuthFile(path: string, cause: unknown): SomaError {
  return new SomaError('config/invalid', `${path} is no registry credentials file; see \`docker login\` or \`podman login\``, {
    details: { path },
    cause,
  })
}
