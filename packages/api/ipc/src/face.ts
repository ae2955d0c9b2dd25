import { chmod } from 'node:fs/promises'
import { type Server, type Socket, createServer } from 'node:net'
import type { Clock, Log } from '@soma/core'
import type { Dispatcher } from '@soma/spec'
import { Connection, type ConnectionParts } from './connection.ts'
import { cannotListen } from './errors.ts'
import { HeldBytes } from './held-bytes.ts'
import { ABORT_GRACE_MS, type IpcLimits, ipcLimits } from './limits.ts'
import { prepareSocketPath } from './socket-file.ts'

export interface IpcFaceDeps {
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly log: Log
  /** Version of the daemon, for clients to compare. */
  readonly version: string
}

export interface IpcFaceOptions {
  /** Absolute path of the socket. Its folder becomes private to the user. */
  readonly path: string
  readonly limits?: Partial<IpcLimits>
}

export interface IpcFace {
  /**
   * Listens, for this user only.
   * @returns the socket's path.
   * @throws {SomaError} `store/locked` when another daemon answers there, `config/invalid` when it cannot listen.
   */
  start(): Promise<{ readonly address: string }>
  /** Takes no new calls, lets running ones finish for `drainMs`, aborts the rest, closes. The socket is gone then. */
  stop(options: { readonly drainMs: number }): Promise<void>
  /** Serves a connection from elsewhere: an in-memory one in tests. */
  handle(socket: Socket): void
}

/** The IPC face: the call table over a unix socket, by the peer protocol. Whoever may open the socket is the owner. */
export function createIpcFace(deps: IpcFaceDeps, options: IpcFaceOptions): IpcFace {
  return new UnixIpcFace(deps, options)
}

class UnixIpcFace implements IpcFace {
  readonly #path: string
  readonly #parts: ConnectionParts
  readonly #log: Log
  readonly #server: Server
  readonly #connections = new Set<Connection>()

  constructor(deps: IpcFaceDeps, options: IpcFaceOptions) {
    this.#path = options.path
    this.#log = deps.log
    const limits = { ...ipcLimits, ...options.limits }
    this.#parts = { ...deps, limits, frames: new HeldBytes(limits.heldBytesMax), inputs: new HeldBytes(limits.heldBytesMax) }
    this.#server = createServer(this.handle)
    this.#server.maxConnections = this.#parts.limits.connectionsMax
  }

  async start(): Promise<{ readonly address: string }> {
    await prepareSocketPath(this.#path, this.#parts.clock)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', (error) => reject(cannotListen(error, this.#path)))
    this.#server.listen({ path: this.#path, backlog: this.#parts.limits.connectionsMax }, resolve)
    await promise
    await chmod(this.#path, 0o600)
    this.#server.on('error', (error) => this.#log.error('the socket server failed', { error }))
    return { address: this.#path }
  }

  async stop({ drainMs }: { readonly drainMs: number }): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    const drained = Promise.all([...this.#connections].map((connection) => connection.drain()))
    await this.#within(drainMs, drained)
    for (const connection of this.#connections) connection.abort()
    await this.#within(ABORT_GRACE_MS, drained)
    for (const connection of this.#connections) connection.destroy()
    await closed
  }

  readonly handle = (socket: Socket): void => {
    const connection = new Connection(this.#parts, socket)
    this.#connections.add(connection)
    void connection.closed.then((reason) => {
      this.#connections.delete(connection)
      if (reason) this.#log.debug('a connection ended', { reason })
    })
  }

  /** Resolves when `work` is done, or after `timeoutMs`. */
  async #within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    using _timer = this.#parts.clock.schedule(timeoutMs, resolve)
    await Promise.race([promise, work])
  }
}
