import { SomaError } from '@soma/core'

export function invalidReference(why: string): SomaError {
  return new SomaError('source/invalid-reference', `${why}; expected url/https://host/path, optionally with #sha256=<64 hex digits>`)
}

/** The pinned bytes are gone: another version is behind the address now. */
export function changedAtServer(url: string, pinned: string, found: string): SomaError {
  const message = `${url} has changed: version ${pinned} was asked for, ${found} is there now; install it again without #version`
  return new SomaError('source/not-found', message, { details: { url, pinned, found } })
}
