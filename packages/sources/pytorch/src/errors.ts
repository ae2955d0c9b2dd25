import { SomaError } from '@soma/core'
import { NAMES_SHOWN } from './limits.ts'

export function invalidReference(name: string, why: string): SomaError {
  const message = `pytorch/${name} cannot be read: ${why}; expected pytorch/owner/repo/entry, optionally with :ref after the repository and @weights after the entry`
  return new SomaError('source/invalid-reference', message.slice(0, 1000))
}

export function noSuchRepository(repository: string, cause: unknown): SomaError {
  return new SomaError('source/not-found', `there is no repository ${repository}, or it is private`, { details: { repository }, cause })
}

export function noSuchRef(repository: string, wanted: string, there: readonly string[]): SomaError {
  const known = there.length > 0 ? `; there are ${there.slice(0, NAMES_SHOWN).join(', ')}` : ''
  return new SomaError('source/not-found', `${repository} has no branch, tag or commit ${wanted}${known}`, {
    details: { repository, wanted, refs: there.slice(0, NAMES_SHOWN) },
  })
}

export function noHubconf(repository: string, cause: unknown): SomaError {
  const message = `${repository} is no PyTorch Hub repository: it has no hubconf.py at this commit`
  return new SomaError('source/not-found', message, { details: { repository }, cause })
}

export function noSuchEntry(repository: string, wanted: string, there: readonly string[]): SomaError {
  const message = `the hubconf.py of ${repository} has no entry ${wanted}; there are ${there.slice(0, NAMES_SHOWN).join(', ') || 'none'}`
  return new SomaError('source/not-found', message, { details: { repository, wanted, entries: there.slice(0, NAMES_SHOWN) } })
}

/** Its code is only read: what an address is put together from while it runs stays unknown. */
export function noWeights(repository: string, entry: string): SomaError {
  const message = `no address of weights is written in the code of ${repository} for ${entry}, and code is not run to find one; install the weights by url/<address>`
  return new SomaError('source/not-found', message, { details: { repository, entry } })
}

export function ambiguous(repository: string, entry: string, wanted: string | undefined, names: readonly string[]): SomaError {
  const why = wanted === undefined ? 'has several weights' : `has no weights ${wanted}`
  const message = `${entry} of ${repository} ${why}; name some with @: ${names.slice(0, NAMES_SHOWN).join(', ')}`
  return new SomaError(wanted === undefined ? 'source/invalid-reference' : 'source/not-found', message, {
    details: { repository, entry, weights: names.slice(0, NAMES_SHOWN) },
  })
}

export function tooMuchCode(repository: string, filesMax: number): SomaError {
  const message = `the weights are not named in the first ${filesMax} files that the hubconf.py of ${repository} leads to; install them by url/<address>`
  return new SomaError('source/not-found', message, { details: { repository, filesMax } })
}

export function notGit(url: string): SomaError {
  return new SomaError('source/unavailable', `${url} did not send the refs of a git repository`, { details: { url }, retryable: false })
}

export function changedWeights(url: string): SomaError {
  return new SomaError('source/not-found', `${url} has changed since it was resolved; install it again`, { details: { url } })
}
