import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A command line: program and arguments. */
export type CommandLine = readonly [string, ...string[]]

/** Puts a command line into one that dies with its parent. */
export type Lifeline = (command: CommandLine) => CommandLine

/** `PPID` is read after the kernel took note, so a parent that died in between is noticed too. 125 is "did not start", as in env(1). */
const startIfParentLives = '[ "$PPID" = "$0" ] || exit 125; exec "$@"'

/**
 * How children are tied to this process. On Linux the kernel kills them with it (`prctl(PR_SET_PDEATHSIG)` through util-linux'
 * setpriv), even when we get SIGKILL and they are stuck in native code. The kernel looks at the thread that forks, so children
 * must be spawned from the main thread. Without setpriv the command stays as it is, and children must watch their stdin.
 */
export async function findLifeline(env: Record<string, string>): Promise<Lifeline> {
  const unchanged: Lifeline = (command) => command
  if (process.platform !== 'linux') return unchanged
  try {
    await run('setpriv', ['--pdeathsig', 'KILL', 'true'], { env })
  } catch {
    return unchanged
  }
  return (command) => ['setpriv', '--pdeathsig', 'KILL', 'sh', '-c', startIfParentLives, String(process.pid), ...command]
}
