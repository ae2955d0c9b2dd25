import { SomaError } from '@soma/core'
import type { AxonReference } from './reference.ts'

export function invalidReference(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; expected axon/namespace/name or axon/namespace/name@1.0.0`)
}

export function noRegistry(): SomaError {
  const how = 'set SOMA_AXON_REGISTRY to its address, e.g. https://registry.example.org, or registry.url in ~/.axon/config.yaml'
  return new SomaError('source/not-configured', `no Axon registry is configured; ${how}`)
}

export function unauthorized(host: string, hasToken: boolean, cause: SomaError): SomaError {
  const next = hasToken ? 'the token that is set may not read it' : 'set AXON_TOKEN, or registry.token in ~/.axon/config.yaml'
  return new SomaError('source/unauthorized', `the Axon registry ${host} refuses access; ${next}`, { details: cause.details, cause })
}

export function badSetting(what: string, cause?: unknown): SomaError {
  return new SomaError('config/invalid', `${what}; see ~/.axon/config.yaml and SOMA_AXON_REGISTRY`, cause === undefined ? {} : { cause })
}

export function notFound({ namespace, name, version }: AxonReference, known: readonly string[], cause: unknown): SomaError {
  const instead = known.length > 0 ? `there are: ${known.join(', ')}` : 'search it with `soma model search`'
  const message = `the Axon registry has no ${namespace}/${name}@${version}; ${instead}`
  return new SomaError('source/not-found', message, { details: { namespace, name, version, known }, cause })
}

/** The pinned bytes are gone: the registry now names others under the same version. */
export function changedAtRegistry(reference: AxonReference, found: string | undefined): SomaError {
  const { namespace, name, version, sha256 } = reference
  const message = `${namespace}/${name}@${version} has changed at its registry: sha256 ${sha256} was pinned, ${found ?? 'none'} is there now; install it again without #sha256`
  return new SomaError('source/not-found', message, { details: { namespace, name, version, pinned: sha256, found: found ?? null } })
}

/** A document that is not what the registry's API says. */
export function badDocument(url: string, why: string, cause?: unknown): SomaError {
  return new SomaError('source/unavailable', `${url} ${why}`, { details: { url }, retryable: false, ...(cause !== undefined && { cause }) })
}
