import { resolve } from 'node:path'
import { isSomaError } from '@soma/core'
import { type SomaPaths, somaPaths, systemClock } from '@soma/host'
import { daemonUrl, openClient } from './client.ts'
import type { CommandTable } from './command-table.ts'
import type { Client, CommandContext, GlobalOptions } from './command.ts'
import type { launchDaemon } from './daemon/launch.ts'
import { toDocument } from './output/document.ts'
import { type CliIo, createTerminal } from './terminal.ts'

/** How commands reach a daemon; tests give their own. */
export interface ContextDeps {
  readonly open?: typeof openClient | undefined
  readonly launch?: typeof launchDaemon | undefined
}

export interface ContextOptions {
  readonly io: CliIo
  readonly table: CommandTable
  readonly globals: GlobalOptions
  /** Starts the local daemon when none runs. */
  readonly startsDaemon: boolean
}

/** What commands use, made from the streams and the global options. Disposing it closes the connection. */
export function createContext(options: ContextOptions, deps: ContextDeps = {}): CommandContext & AsyncDisposable {
  const { io, table, globals } = options
  const env = globals.home === undefined ? io.env : { ...io.env, SOMA_HOME: resolve(globals.home), SOMA_SOCKET: undefined }
  const terminal = createTerminal(io)
  let client: Promise<Client> | undefined
  let paths: SomaPaths | undefined
  const ctx: CommandContext = {
    table,
    io,
    terminal,
    globals,
    env,
    clock: systemClock,
    signal: io.signal,
    local: daemonUrl(globals, env) === undefined,
    // Read when first needed: a wrong SOMA_HOME must not break commands that do not touch it.
    get paths() {
      return (paths ??= somaPaths(env))
    },
    connect: async () => await (client ??= options.startsDaemon ? openOrStart(ctx, deps) : open(ctx, deps)),
    show: (output, render) => {
      if (globals.json === true) terminal.json(toDocument(output))
      else for (const line of render(output)) terminal.line(line)
    },
  }
  return Object.assign(ctx, {
    async [Symbol.asyncDispose]() {
      await (await client?.catch(() => undefined))?.[Symbol.asyncDispose]()
    },
  })
}

async function open({ globals, env, signal }: CommandContext, deps: ContextDeps): Promise<Client> {
  return await (deps.open ?? openClient)(globals, { env, signal })
}

/** For those who know of no daemon: one is started in the background, as `soma serve --detach` does it, and they are told. */
async function openOrStart(ctx: CommandContext, deps: ContextDeps): Promise<Client> {
  try {
    return await open(ctx, deps)
  } catch (error) {
    if (!isSomaError(error, 'daemon/unreachable') || !ctx.local || ctx.globals.socket !== undefined) throw error
  }
  const { paths, env, clock, signal, terminal } = ctx
  const launch = deps.launch ?? (await import('./daemon/launch.ts')).launchDaemon
  const { pid } = await launch({ paths, args: [], env, clock, signal })
  terminal.note(terminal.stderrPaint.dim(`Started the daemon (pid ${pid}); \`soma stop\` ends it.`))
  return await open(ctx, deps)
}
