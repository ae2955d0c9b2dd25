import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { mismatch, messageOf, unreadable } from './errors.ts'
import { ENCODED_BYTES_MAX } from './limits.ts'

/**
 * Reads a picture of this machine.
 * @throws {SomaError} `model/input-mismatch` for a relative path; `model/unreadable-input` when there is no such file, it is
 *   no regular file, or it is over the limit.
 */
export async function readInputFile(path: string): Promise<Uint8Array> {
  if (!isAbsolute(path)) throw mismatch('path', 'an absolute path', path)
  let file: FileHandle
  try {
    // Without waiting: opening a pipe that nobody writes to would hang.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (cause) {
    throw unreadable(`${path} cannot be opened: ${messageOf(cause)}`, { cause, details: { path } })
  }
  await using opened = file
  return await readWhole(opened, path)
}

async function readWhole(file: FileHandle, path: string): Promise<Uint8Array> {
  const { size } = await file.stat().then((facts) => (facts.isFile() ? facts : notAFile(path)))
  if (size > ENCODED_BYTES_MAX)
    throw unreadable(`${path} has ${size} bytes, more than the ${ENCODED_BYTES_MAX} that are read`, { details: { path, size } })
  const bytes = new Uint8Array(size)
  const { bytesRead } = await file.read(bytes, 0, size, 0)
  return bytes.subarray(0, bytesRead)
}

function notAFile(path: string): never {
  throw unreadable(`${path} is no regular file`, { details: { path } })
}
