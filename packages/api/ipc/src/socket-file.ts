import { chmod, lstat, mkdir, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import type { Clock } from '@soma/core'
import { alreadyServed, pathTooLong } from './errors.ts'
import { PROBE_MS_MAX, SOCKET_PATH_BYTES_MAX } from './limits.ts'

/**
 * Makes room for a socket: its folder, that only this user can enter, and no leftover of a daemon that was killed.
 * @throws {SomaError} `store/locked` when somebody answers there, `config/invalid` when the path is too long.
 */
export async function prepareSocketPath(path: string, clock: Clock): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) throw pathTooLong(path, SOCKET_PATH_BYTES_MAX)
  const folder = dirname(path)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  // Whoever can enter the folder could put a socket of their own in place of ours.
  await chmod(folder, 0o700)
  if (!(await isSocket(path))) return
  if (await somebodyAnswers(path, clock)) throw alreadyServed(path)
  await unlink(path)
}

/** Anything else at that path is not ours to remove: listening will fail and say so. */
async function isSocket(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  return found?.isSocket() === true
}

/** A daemon too busy to accept is still there: only a refusal means that nobody is. */
async function somebodyAnswers(path: string, clock: Clock): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ path })
  using _timer = clock.schedule(PROBE_MS_MAX, () => resolve(true))
  socket.once('connect', () => resolve(true))
  socket.once('error', (error: Error & { readonly code?: string }) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'))
  try {
    return await promise
  } finally {
    socket.destroy()
  }
}
