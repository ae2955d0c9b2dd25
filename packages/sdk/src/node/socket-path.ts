import { createHash } from 'node:crypto'
import { userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** Longest socket path that the system takes, in bytes without the closing zero. */
const SOCKET_PATH_BYTES_MAX = { linux: 107, other: 103 }

/**
 * Where the daemon of this environment listens: `SOMA_SOCKET`, else in `SOMA_HOME`, else in the user's runtime folder,
 * with a short name under /tmp where those are too long or missing. The daemon computes the same with `somaPaths` of
 * `@soma/host`; a test compares the two.
 */
export function socketPath(env: Environment, platform: string = process.platform): string {
  const given = env['SOMA_SOCKET'] ?? ''
  if (given !== '') return given
  const { data, run } = env['SOMA_HOME'] ? { data: env['SOMA_HOME'], run: join(env['SOMA_HOME'], 'run') } : userFolders(env, platform)
  const limit = platform === 'linux' ? SOCKET_PATH_BYTES_MAX.linux : SOCKET_PATH_BYTES_MAX.other
  if (run !== undefined && Buffer.byteLength(join(run, 'soma.sock')) <= limit) return join(run, 'soma.sock')
  const short = createHash('sha256').update(data).digest('hex').slice(0, 16)
  return join('/tmp', `soma-${userInfo().uid}`, short, 'soma.sock')
}

function userFolders(env: Environment, platform: string): { readonly data: string; readonly run: string | undefined } {
  const home = absolute(env['HOME']) ?? userInfo().homedir
  const isMac = platform === 'darwin'
  const runtime = absolute(env[isMac ? 'TMPDIR' : 'XDG_RUNTIME_DIR'])
  const data = isMac ? join(home, 'Library/Application Support') : (absolute(env['XDG_DATA_HOME']) ?? join(home, '.local/share'))
  return { data: join(data, 'soma'), run: runtime && join(runtime, 'soma') }
}

function absolute(path: string | undefined): string | undefined {
  return path !== undefined && isAbsolute(path) ? path : undefined
}
