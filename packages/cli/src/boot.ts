import nodeModule from 'node:module'
import { SomaError, VERSION } from '@soma/core'
import type { CommandTable } from './command-table.ts'

// Everything beyond this file is imported when it is known to be needed: `soma --version` must not feel like a program
// that starts.
const NODE_MAJOR_MIN = 24

/** Runs this process as the program of a table of commands. */
export async function boot(load: () => Promise<CommandTable>): Promise<void> {
  const argv = process.argv.slice(2)
  const [first, ...rest] = argv
  if (rest.length === 0 && (first === '--version' || first === '-V')) process.stdout.write(`${VERSION}\n`)
  else if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) refuseOldNode()
  else await run(argv, load)
}

async function run(argv: readonly string[], load: () => Promise<CommandTable>): Promise<void> {
  nodeModule.enableCompileCache()
  const cancelled = new AbortController()
  onSignals(cancelled)
  onClosedPipe(process.stdout)
  onClosedPipe(process.stderr)
  const [{ runCli }, table] = await Promise.all([import('./program.ts'), load()])
  const { stdin, stdout, stderr, env } = process
  process.exitCode = await runCli(argv, { stdin, stdout, stderr, env, signal: cancelled.signal }, { table })
  // A pipe nobody closes must not keep a finished command.
  stdin.unref?.()
}

function refuseOldNode(): void {
  process.stderr.write(
    `error: soma needs Node.js ${NODE_MAJOR_MIN} or newer, this is ${process.version}\n next: in a checkout, \`npm run soma -- …\` brings its own\n`,
  )
  process.exitCode = 69
}

/** The first Ctrl-C cancels the call, and the daemon hears of it; the second does not wait for that. */
function onSignals(cancelled: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (cancelled.signal.aborted) process.exit(130)
      cancelled.abort(new SomaError('call/cancelled', 'cancelled'))
    })
}

/** `soma model list | head -1` is no failure. */
function onClosedPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}
