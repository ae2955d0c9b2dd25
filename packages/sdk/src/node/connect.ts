import { env as processEnvironment } from 'node:process'
import { connectHttp } from '../browser.ts'
import { createSoma, type Soma } from '../soma.ts'
import { socketPath } from './socket-path.ts'
import { SocketTransport } from './socket-transport.ts'

export interface ConnectOptions {
  /** Talk HTTP to this address instead, e.g. `http://127.0.0.1:7662`. */
  readonly url?: string | undefined
  /** Bearer token, with `url`. */
  readonly token?: string | undefined
  /** The socket to use instead of the environment's. */
  readonly socket?: string | undefined
  /** Where to look for `SOMA_SOCKET`, `SOMA_HOME` and the XDG folders; this process's environment when absent. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Connects to the daemon of this user, or to `url` over HTTP.
 *
 * @throws {SomaError} `daemon/unreachable` when none answers, saying how to start one.
 * @example
 * await using soma = await connect()
 * console.log((await soma.system.health()).version)
 */
export async function connect(options: ConnectOptions = {}): Promise<Soma> {
  if (options.url !== undefined) return connectHttp({ url: options.url, token: options.token })
  const path = options.socket ?? socketPath(options.env ?? processEnvironment)
  return createSoma(await SocketTransport.open(path, options.signal))
}
