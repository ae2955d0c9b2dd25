import { realpath, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { type ErrorCode, SomaError, isSomaError } from '@soma/core'

/** What a failed action on a file of this machine means. */
type FileErrorCode = Extract<ErrorCode, 'file/unwritable' | 'file/unreadable'>

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EACCES: 'it is not permitted',
  EPERM: 'it is not permitted',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'it is a circle of links',
}

/** A failure of the file system as an error that names the path; a full disk and everything else stay what they are. */
export function fileError(error: unknown, code: FileErrorCode, path: string): unknown {
  const errno = (error as { code?: unknown }).code
  const reason = typeof errno === 'string' ? reasons[errno] : undefined
  if (isSomaError(error) || reason === undefined) return error
  const verb = code === 'file/unwritable' ? 'written' : 'read'
  return new SomaError(code, `${path} cannot be ${verb}: ${reason}`, { details: { path, reason }, cause: error })
}

/**
 * A path to write to, links in the folders above it followed.
 * @param own the daemon's data folder: what the daemon writes for others never goes there.
 * @throws {SomaError} `call/invalid-input` for a relative path; `file/unwritable`.
 */
export async function checkTarget(path: string, own: string): Promise<string> {
  const absolute = checkAbsolute(path)
  try {
    const target = join(await realpath(dirname(absolute)), basename(absolute))
    if (!/^\.\.(\/|$)/.test(relative(await realpath(own), target)))
      throw new SomaError('file/unwritable', `${path} is inside Soma's own data; choose a path elsewhere`, { details: { path } })
    return target
  } catch (error) {
    throw fileError(error, 'file/unwritable', dirname(absolute))
  }
}

/** @throws {SomaError} `call/invalid-input` for a relative path: relative to what, the daemon cannot know. */
export function checkAbsolute(path: string): string {
  if (isAbsolute(path) && !path.includes('\0')) return resolve(path)
  throw new SomaError('call/invalid-input', `${JSON.stringify(path.slice(0, 200))} is not an absolute path`, {
    details: { path: path.slice(0, 200) },
  })
}

/** What is at a path, or undefined when nothing is. */
export async function kindOf(path: string): Promise<'file' | 'folder' | 'device or pipe' | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined
    throw fileError(error, 'file/unreadable', path)
  })
  if (!found) return undefined
  if (found.isDirectory()) return 'folder'
  return found.isFile() ? 'file' : 'device or pipe'
}
