import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readSync, fstatSync } from 'node:fs'
import { type Clock, SomaError } from '@soma/core'
import { type DaemonInfo, type SomaPaths, ensureFolders, findProgram, readDaemonFile } from '@soma/host'
import { LOG_TAIL_BYTES, LOG_TAIL_LINES, POLL_MS, READY_MS_MAX, STOP_MS_MAX } from '../limits.ts'
import { daemonEntry } from './entry.ts'

export interface LaunchOptions {
  readonly paths: SomaPaths
  /** `--port 0` and the like. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly signal: AbortSignal
  /** The daemon's program; the one that comes with this command when absent. */
  readonly program?: string
  /** The kernel ends the daemon when this process is gone, even when that was killed: for a daemon nobody else is to use. */
  readonly endsWithUs?: boolean
}

/**
 * Starts a daemon of its own process group, with its output going to the log file, and waits until it is ready.
 * When the wait is cancelled the daemon is told to end.
 * @throws {SomaError} `daemon/unreachable` with the end of its log when it ends instead; `call/timeout` when it does neither.
 */
export async function launchDaemon(options: LaunchOptions): Promise<DaemonInfo> {
  const { paths, env, clock, signal } = options
  ensureFolders(paths)
  const log = openSync(paths.logFile, 'a', 0o600)
  const begin = fstatSync(log).size
  const [program = '', ...args] = commandLine(options)
  const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], env })
  closeSync(log)
  try {
    return await untilReady(child, { paths, clock, signal, begin })
  } catch (error) {
    await end(child, clock)
    throw error
  } finally {
    child.unref()
  }
}

function commandLine({ paths, args, env, program = daemonEntry(), endsWithUs = false }: LaunchOptions): string[] {
  const setpriv = endsWithUs && process.platform === 'linux' ? findProgram('setpriv', env['PATH'] ?? '') : undefined
  const lifeline = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'TERM']
  return [...lifeline, process.execPath, program, ...args, '--log-file', paths.logFile]
}

async function end(child: ChildProcess, clock: Clock): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  using _deadline = clock.schedule(STOP_MS_MAX, () => child.kill('SIGKILL'))
  await ended
}

interface Waiting extends Pick<LaunchOptions, 'paths' | 'clock' | 'signal'> {
  /** Where this daemon's part of the log begins. */
  readonly begin: number
}

async function untilReady(child: ChildProcess, { paths, clock, signal, begin }: Waiting): Promise<DaemonInfo> {
  let ended: string | undefined
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, killer) => (ended = code === null ? `signal ${killer}` : `exit code ${code}`))
  for (const deadline = clock.monotonic() + READY_MS_MAX; clock.monotonic() < deadline; await clock.sleep(POLL_MS, { signal })) {
    const info = readDaemonFile(paths.daemonFile)
    if (info && info.pid === child.pid) return info
    if (ended !== undefined) throw didNotStart(paths.logFile, begin, ended)
  }
  throw new SomaError(
    'call/timeout',
    `the daemon (pid ${child.pid}) was not ready after ${READY_MS_MAX / 1000} s; its log is ${paths.logFile}`,
  )
}

function didNotStart(logFile: string, begin: number, how: string): SomaError {
  const lines = logTail(logFile, begin)
  const reason = lines.length === 0 ? '' : `:\n${lines.map((line) => `  ${line}`).join('\n')}`
  return new SomaError('daemon/unreachable', `the daemon ended while starting (${how})${reason}`, {
    retryable: false,
    details: { logFile },
  })
}

/** The last lines written after `begin`. */
function logTail(path: string, begin: number): string[] {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const start = Math.max(begin, size - LOG_TAIL_BYTES)
    const bytes = Buffer.alloc(Math.max(0, size - start))
    readSync(file, bytes, 0, bytes.length, start)
    return bytes.toString('utf8').split('\n').filter(Boolean).slice(-LOG_TAIL_LINES)
  } finally {
    closeSync(file)
  }
}
