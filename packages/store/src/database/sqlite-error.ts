import { SomaError, isSomaError } from '@soma/core'

/** Primary result codes, https://sqlite.org/rescode.html; the low byte of the extended ones. */
const SQLITE_BUSY = 5
const SQLITE_CORRUPT = 11
const SQLITE_FULL = 13
const SQLITE_NOTADB = 26

/** What SQLite threw as the error callers expect; everything that is not SQLite's passes unchanged. */
export function translateSqliteError(thrown: unknown, path: string): unknown {
  if (isSomaError(thrown) || !(thrown instanceof Error)) return thrown
  switch (primaryCode(thrown)) {
    case SQLITE_FULL:
      return new SomaError('store/disk-full', `no space left to write ${path}; nothing was changed`, { cause: thrown })
    case SQLITE_BUSY:
      return lockedError(path, thrown)
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return corruptError(path, thrown.message, thrown)
    default:
      return isOutOfRange(thrown) ? corruptError(path, 'an integer is out of range', thrown) : thrown
  }
}

export function lockedError(path: string, cause: unknown): SomaError {
  return new SomaError('store/locked', `another process holds ${path}; stop it, or use another data directory`, {
    details: { path },
    cause,
  })
}

export function corruptError(path: string, what: string, cause?: unknown): SomaError {
  return new SomaError('store/corrupt', `${path} is corrupt: ${what}; restore it from a backup`, { details: { path }, cause })
}

/** True for an error that SQLite itself reported, of any kind. */
export function isSqliteError(thrown: unknown): boolean {
  return thrown instanceof Error && (thrown as { code?: unknown }).code === 'ERR_SQLITE_ERROR'
}

function primaryCode(error: Error): number {
  const { errcode } = error as { errcode?: unknown }
  return isSqliteError(error) && typeof errcode === 'number' ? errcode & 0xff : 0
}

/** `node:sqlite` refuses integers beyond 2^53. The store writes none, so that one which is there is damage. */
function isOutOfRange(error: Error): boolean {
  return (error as { code?: unknown }).code === 'ERR_OUT_OF_RANGE'
}
