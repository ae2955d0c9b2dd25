import { accessSync, constants, lstatSync } from 'node:fs'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'
import { type Clock, isSomaError } from '@soma/core'
import { readConfig } from '../config/config-file.ts'
import { diskSpace, nearestExisting } from '../disk.ts'
import { hostFacts, readSystemFile } from '../facts.ts'
import type { SomaPaths } from '../paths.ts'
import type { DoctorFacts, FolderFact, SocketFact } from './checks.ts'
import { SOCKET_PROBE_MS } from './limits.ts'

/** Looks at this machine and this installation. Changes nothing. */
export async function gatherDoctorFacts(
  paths: SomaPaths,
  deps: { readonly env: Readonly<Record<string, string | undefined>>; readonly clock: Pick<Clock, 'now'> },
): Promise<DoctorFacts> {
  const { platform, memoryBytes, memoryAvailableBytes } = hostFacts()
  const disk = await diskSpace(paths.data)
  return {
    platform,
    nodeVersion: process.version,
    openFiles: parseOpenFiles(readSystemFile('/proc/self/limits') ?? ''),
    memoryBytes,
    memoryAvailableBytes,
    diskFreeBytes: disk.freeBytes,
    diskPath: nearestExisting(paths.data),
    sharedMemoryFreeBytes: await sharedMemory(),
    setpriv: findProgram('setpriv', deps.env['PATH'] ?? ''),
    folders: [...new Set([paths.data, paths.config, paths.run])].map((path) => folderFact(path)),
    socket: await probeSocket(paths.socket),
    now: deps.clock.now(),
    proxies: proxyVariables(deps.env),
    configProblem: configProblem(paths.configFile),
  }
}

/** The soft limit of `Max open files` in /proc/<pid>/limits. */
export function parseOpenFiles(text: string): number | undefined {
  const soft = /^Max open files\s+(\S+)/m.exec(text)?.[1]
  return soft === undefined ? undefined : soft === 'unlimited' ? Infinity : Number(soft)
}

/** The proxy variables that are set, under the names they are set by. */
export function proxyVariables(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries(env).filter(([name, value]) => /^(https?|all|no)_proxy$/i.test(name) && (value ?? '') !== '')
  return Object.fromEntries(entries) as Record<string, string>
}

/** The first executable file of this name in `path`, a list like PATH. */
export function findProgram(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((file) => may(file, constants.X_OK))
}

async function sharedMemory(): Promise<number | undefined> {
  return may('/dev/shm', constants.W_OK) ? (await diskSpace('/dev/shm')).freeBytes : undefined
}

function folderFact(path: string): FolderFact {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return { path, state: may(nearestExisting(path), constants.W_OK) ? 'missing' : 'not-writable' }
  const uid = process.getuid?.()
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) return { path, state: 'foreign' }
  if (!may(path, constants.W_OK)) return { path, state: 'not-writable' }
  return { path, state: (found.mode & 0o077) === 0 ? 'ok' : 'open-to-others' }
}

/** Whether somebody accepts connections on a unix socket. */
export async function probeSocket(path: string): Promise<SocketFact> {
  if (!lstatSync(path, { throwIfNoEntry: false })) return { path, state: 'none' }
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(path, () => resolve(true))
  socket.once('error', () => resolve(false)).setTimeout(SOCKET_PROBE_MS, () => resolve(false))
  const answers = await promise
  socket.destroy()
  return { path, state: answers ? 'answers' : 'stale' }
}

function configProblem(path: string): string | undefined {
  try {
    readConfig(path)
    return undefined
  } catch (error) {
    return isSomaError(error) ? error.message : String(error)
  }
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    return false
  }
}
