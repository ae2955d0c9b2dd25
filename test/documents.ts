// Running the commands of a document, as a reader would: in order, in one shell.
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Below the limit of a test, so that a command that hangs is named. */
const COMMANDS_MS_MAX = 7 * 60_000
const STOP_MS_MAX = 60_000

/** Commands in blocks of shell text. Plain blocks hold what a test cannot run. */
export function commandsOf(root: string, document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8')
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
    block.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#')),
  )
}

/** Runs command lines in bash until one fails. @returns what they printed. @throws with the line that failed, and what it said. */
export async function runCommands(
  lines: readonly string[],
  options: { readonly title: string; readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { title, cwd, env } = options
  const script = lines.map((line) => `echo '@@ ${line.replaceAll("'", '"').slice(0, 60)}' >&2\n${line}`).join('\n')
  try {
    return await run('bash', ['-euo', 'pipefail', '-c', script], { cwd, env, maxBuffer: 64 * 1024 * 1024, timeout: COMMANDS_MS_MAX })
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`${title}: ${stderr.split('@@').at(-1)}\n${stdout.slice(-2000)}`, { cause: error })
  }
}

/** Ends the daemon that commands of a document may have started. @param soma path of the command. */
export function stopDaemon(soma: string, env: NodeJS.ProcessEnv): void {
  spawnSync(soma, ['stop'], { env, timeout: STOP_MS_MAX })
}
