import type { Client, GlobalOptions } from './command.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Connects to the daemon that options and environment point at: a URL with a token, or the local socket. */
export async function openClient(
  globals: GlobalOptions,
  target: { readonly env: Environment; readonly signal: AbortSignal },
): Promise<Client> {
  const { connect } = await import('@soma/sdk')
  const { env, signal } = target
  return await connect({ url: daemonUrl(globals, env), token: globals.token ?? env['SOMA_TOKEN'], socket: globals.socket, env, signal })
}

/** The address to use instead of the local socket; undefined for the local daemon. */
export function daemonUrl(globals: GlobalOptions, env: Environment): string | undefined {
  if (globals.url !== undefined) return globals.url
  // What is said on the command line goes before the environment.
  return globals.socket === undefined && globals.home === undefined && env['SOMA_URL'] ? env['SOMA_URL'] : undefined
}
