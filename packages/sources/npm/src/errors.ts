import { SomaError } from '@soma/core'
import { NEAREST_VERSIONS_SHOWN } from './limits.ts'

export function invalidReference(name: string, why: string): SomaError {
  const message = `npm/${name} cannot be read: ${why}; expected npm/name, npm/@scope/name, and optionally @ with a version, range or tag`
  return new SomaError('source/invalid-reference', message)
}

export function noSuchPackage(name: string, registry: string, cause: unknown): SomaError {
  const message = `the registry at ${registry} has no package ${name}, or does not show it to you`
  return new SomaError('source/not-found', message, { details: { package: name, registry }, cause })
}

/** The registry has the package, but nothing that fits. The newest versions and the tags are named. */
export function noSuchVersion(name: string, wanted: string, packument: { versions: object; 'dist-tags': object }): SomaError {
  const versions = Object.keys(packument.versions).slice(-NEAREST_VERSIONS_SHOWN)
  const tags = Object.keys(packument['dist-tags'])
  const message = `${name} has no version for ${wanted}; the newest are ${versions.join(', ') || 'none'}, the tags ${tags.join(', ') || 'none'}`
  return new SomaError('source/not-found', message, { details: { package: name, wanted, versions, tags } })
}

export function badAnswer(url: string, what: string, cause: unknown): SomaError {
  const message = `${url} did not send ${what}; is this address an npm registry?`
  return new SomaError('source/unavailable', message, { details: { url }, cause, retryable: false })
}
