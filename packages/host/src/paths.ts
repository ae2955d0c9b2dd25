import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { SomaError } from '@soma/core'
import { SOCKET_PATH_BYTES_MAX } from './limits.ts'

/** Where everything of one installation is. All absolute. */
export interface SomaPaths {
  /** Blobs, database, audit log: what must not be lost. */
  readonly data: string
  readonly config: string
  readonly configFile: string
  /** The user's own sources: what is in there is run by the daemon. */
  readonly sources: string
  /** Sockets and the daemon file: gone after a reboot. */
  readonly run: string
  readonly socket: string
  /** Written by a running daemon: its pid and addresses. */
  readonly daemonFile: string
  readonly logFile: string
}

export interface PathFacts {
  /** Used when HOME is not set. */
  readonly home: string
  readonly uid: number
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The folders of the installation that `env` points at: all in `SOMA_HOME` when set, else the XDG base folders,
 * on macOS `~/Library`. Touches no disk.
 * @throws {SomaError} `config/invalid` when SOMA_HOME is not an absolute path.
 */
export function somaPaths(env: Environment = process.env, platform: string = process.platform, facts: PathFacts = pathFacts()): SomaPaths {
  const own = env['SOMA_HOME'] ?? ''
  if (own !== '' && !isAbsolute(own))
    throw new SomaError('config/invalid', `SOMA_HOME is "${own}"; it must be an absolute path`, { details: { key: 'SOMA_HOME' } })
  const home = absolute(env['HOME']) ?? facts.home
  const folders = own !== '' ? ownFolders(own) : platform === 'darwin' ? macFolders(home, env) : xdgFolders(home, env)
  return complete(folders, platform, facts.uid)
}

/** The user as the system knows it, for when the environment does not say. */
export function pathFacts(): PathFacts {
  const { homedir, uid } = userInfo()
  return { home: homedir, uid }
}

interface Folders {
  readonly data: string
  readonly config: string
  readonly state: string
  /** Undefined when the system has no place for it. */
  readonly run: string | undefined
}

function ownFolders(own: string): Folders {
  return { data: own, config: own, state: own, run: join(own, 'run') }
}

/** The XDG specification says that a relative path is invalid and to be ignored. */
function xdgFolders(home: string, env: Environment): Folders {
  const runtime = absolute(env['XDG_RUNTIME_DIR'])
  return {
    data: join(absolute(env['XDG_DATA_HOME']) ?? join(home, '.local/share'), 'soma'),
    config: join(absolute(env['XDG_CONFIG_HOME']) ?? join(home, '.config'), 'soma'),
    state: join(absolute(env['XDG_STATE_HOME']) ?? join(home, '.local/state'), 'soma'),
    run: runtime && join(runtime, 'soma'),
  }
}

/** TMPDIR is private to the user on macOS, and emptied at boot. */
function macFolders(home: string, env: Environment): Folders {
  const support = join(home, 'Library/Application Support/soma')
  const temporary = absolute(env['TMPDIR'])
  return { data: support, config: support, state: join(home, 'Library/Logs/soma'), run: temporary && join(temporary, 'soma') }
}

function complete({ data, config, state, run }: Folders, platform: string, uid: number): SomaPaths {
  const limit = platform === 'linux' ? SOCKET_PATH_BYTES_MAX.linux : SOCKET_PATH_BYTES_MAX.other
  const fits = run !== undefined && Buffer.byteLength(join(run, 'soma.sock')) <= limit
  const usedRun = fits ? run : join('/tmp', `soma-${uid}`, createHash('sha256').update(data).digest('hex').slice(0, 16))
  return {
    data,
    config,
    configFile: join(config, 'config.toml'),
    sources: join(config, 'sources'),
    run: usedRun,
    socket: join(usedRun, 'soma.sock'),
    daemonFile: join(usedRun, 'daemon.json'),
    logFile: join(state, 'somad.log'),
  }
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined
}

/**
 * Makes a folder, and its parents, that only this user can enter.
 * @throws {SomaError} `config/invalid` when it cannot be made, is a link or a file, or belongs to somebody else: in /tmp
 *   anybody could have put it there. `store/disk-full`.
 */
export function ensurePrivateFolder(path: string): void {
  try {
    makeFolder(path)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new SomaError(
      code === 'ENOSPC' ? 'store/disk-full' : 'config/invalid',
      `the folder ${path} cannot be made (${message}); set SOMA_HOME to a place where this user may write`,
      { details: { path }, cause },
    )
  }
  const found = lstatSync(path)
  const uid = process.getuid?.()
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid))
    throw new SomaError('config/invalid', `${path} is not a folder of this user; remove it, or set SOMA_HOME to another place`, {
      details: { path },
    })
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700)
}

/**
 * By hand: Node's own recursive way never returns where the system denies that there is a folder whose parent is there, as
 * /proc does, and calls a read-only disk a missing folder.
 */
function makeFolder(path: string): void {
  const missing: string[] = []
  for (let at = path; !lstatSync(at, { throwIfNoEntry: false }); at = dirname(at)) missing.unshift(at)
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: 0o700 })
    } catch (error) {
      // Another daemon that starts at the same moment may have been faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** Makes every folder of an installation, each private to the user. */
export function ensureFolders(paths: SomaPaths): void {
  const parent = join(paths.run, '..')
  if (/^soma-\d+$/.test(parent.slice(parent.lastIndexOf('/') + 1))) ensurePrivateFolder(parent)
  for (const folder of [paths.data, paths.config, paths.run, join(paths.logFile, '..')]) ensurePrivateFolder(folder)
}
