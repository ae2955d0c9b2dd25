import { SomaError, isSomaError } from '@soma/core'
import type { LfsPointer } from './lfs.ts'

export function invalidReference(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; expected file/ and an absolute path, e.g. file//home/me/model`)
}

export function notFound(path: string): SomaError {
  return new SomaError('source/not-found', `there is no file or folder ${path} on the daemon’s machine`, { details: { path } })
}

export function holdsNothing(path: string): SomaError {
  return new SomaError('source/not-found', `the folder ${path} holds no files`, { details: { path } })
}

/** The pinned bytes are gone: the files were written since. */
export function changedOnDisk(path: string): SomaError {
  const message = `${path} has changed since it was resolved; install it again`
  return new SomaError('source/not-found', message, { details: { path } })
}

/** A clone made without its large files. */
export function pointerOnly(path: string, { oid, sizeBytes }: LfsPointer): SomaError {
  const message = `${path} is a git-lfs pointer to ${sizeBytes} bytes that are not here; run git lfs pull in its folder, then install it again`
  return new SomaError('source/not-found', message, { details: { path, oid, sizeBytes } })
}

export function unsafePath(path: string, what: string): SomaError {
  return new SomaError('package/unsafe-path', `${path} ${what}; remove it or install another folder`, { details: { path } })
}

export function tooMany(path: string, limit: string): SomaError {
  return new SomaError('source/invalid-reference', `${path} holds more than ${limit}; choose a smaller folder`, {
    details: { path, limit },
  })
}

/** What the file system says, as the error that callers see. */
export function fileError(thrown: unknown, path: string): SomaError {
  if (isSomaError(thrown)) return thrown
  const { code } = thrown as { readonly code?: unknown }
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return notFound(path)
  if (code === 'ELOOP') return unsafePath(path, 'is a link that leads to itself')
  const details = { path, reason: code }
  if (code === 'EACCES' || code === 'EPERM')
    return new SomaError('source/unauthorized', `the daemon may not read ${path}; check its permissions`, { details, cause: thrown })
  return new SomaError('source/unavailable', `${path} cannot be read: ${String(code)}`, { details, cause: thrown, retryable: false })
}
