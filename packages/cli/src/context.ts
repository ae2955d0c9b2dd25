import { resolve } from 'node:path'
import { type SomaPaths, somaPaths, systemClock } from '@soma/host'
import { daemonUrl, openClient } from './client.ts'
import type { Client, CommandContext, GlobalOptions } from './command.ts'
import { toDocument } from './output/document.ts'
import { type CliIo, createTerminal } from './terminal.ts'

/** How a command gets its client; tests give their own. */
export type OpenClient = typeof openClient

/** What commands use, made from the streams and the global options. Disposing it closes the connection. */
export function createContext(io: CliIo, globals: GlobalOptions, open: OpenClient = openClient): CommandContext & AsyncDisposable {
  const env = globals.home === undefined ? io.env : { ...io.env, SOMA_HOME: resolve(globals.home), SOMA_SOCKET: undefined }
  const terminal = createTerminal(io)
  let client: Promise<Client> | undefined
  let paths: SomaPaths | undefined
  return {
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
    connect: async () => await (client ??= open(globals, { env, signal: io.signal })),
    show: (output, render) => {
      if (globals.json === true) terminal.json(toDocument(output))
      else for (const line of render(output)) terminal.line(line)
    },
    async [Symbol.asyncDispose]() {
      await (await client?.catch(() => undefined))?.[Symbol.asyncDispose]()
    },
  }
}
