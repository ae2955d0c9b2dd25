import { SomaError } from '@soma/core'

export function invalidReference(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; expected pypi/name, pypi/name@1.2.3 or pypi/name@>=1,<2`)
}

export function noSuchProject(project: string, hosts: readonly string[]): SomaError {
  const message = `no project ${project} at ${hosts.join(', ')}; check the name and the index that pip is configured for`
  return new SomaError('source/not-found', message, { details: { project, hosts } })
}

export function noSuchVersion(project: string, wanted: string | undefined, versions: readonly string[]): SomaError {
  const newest = versions.join(', ') || 'none'
  const message = `${project} has no usable file for ${wanted ?? 'any version'}; the newest versions are: ${newest}`
  return new SomaError('source/not-found', message, { details: { project, wanted: wanted ?? null, versions } })
}

export function badPage(url: string, cause: unknown): SomaError {
  const message = `${url} is no page of a Python package index; check pip’s index-url`
  return new SomaError('source/unavailable', message, { details: { url }, cause, retryable: false })
}

export function indexesDisabled(): SomaError {
  return new SomaError('source/unavailable', 'pip is configured with no-index, so that nothing may be fetched; unset PIP_NO_INDEX', {
    retryable: false,
  })
}

/** Without the URL itself, which may hold a password. */
export function invalidIndex(): SomaError {
  return new SomaError('config/invalid', 'pip’s index-url or extra-index-url is no http or https address; see `pip config list`')
}

export function unreadableCertificates(path: string, cause: unknown): SomaError {
  return new SomaError('config/invalid', `pip’s cert setting names ${path}, which cannot be read`, { details: { path }, cause })
}
