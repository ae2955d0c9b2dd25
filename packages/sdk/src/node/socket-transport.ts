import { type Socket, connect as connectSocket } from 'node:net'
import { SomaError, isSomaError } from '@soma/core'
import { CALLS_DIGEST, type CallOptions, type CallStream } from '@soma/spec'
import { type Peer, createChannel, createPeer } from '@soma/wire'
import { STREAM_WINDOW } from '../limits.ts'
import { type Transport, connectionClosed } from '../transport.ts'

/** The protocol between a client and the daemon's socket; another number means they cannot talk. */
const PROTOCOL = 1

/** What the daemon says of itself when a client connects. */
interface Hello {
  readonly protocol: number
  readonly version: string
  /** Digest of its call table. */
  readonly calls: string
}

/** Calls over the daemon's unix socket. */
export class SocketTransport implements Transport {
  readonly #peer: Peer
  readonly #hello: Hello

  private constructor(peer: Peer, hello: Hello) {
    this.#peer = peer
    this.#hello = hello
  }

  /** @throws {SomaError} `daemon/unreachable` when nobody answers there, or somebody with another protocol. */
  static async open(path: string, signal?: AbortSignal): Promise<SocketTransport> {
    const socket = await open(path, signal)
    const lost = (reason: unknown): SomaError =>
      isSomaError(reason) ? reason : unreachable(path, 'the daemon closed the connection', reason)
    const peer = createPeer(createChannel({ readable: socket, writable: socket }), { concurrencyMax: 1, streamWindow: STREAM_WINDOW, lost })
    const hello = (await peer.call('hello', { protocol: PROTOCOL }, { signal })) as Hello
    if (hello.protocol === PROTOCOL) return new SocketTransport(peer, hello)
    await peer[Symbol.asyncDispose]()
    throw new SomaError(
      'daemon/unreachable',
      `the daemon at ${path} is of version ${hello.version} and speaks another protocol; update the older side`,
      {
        retryable: false,
        details: { socket: path, version: hello.version },
      },
    )
  }

  call(name: string, input: unknown, options?: CallOptions): Promise<unknown> {
    const answer = this.#peer.call(name, input, options)
    // Between equals there is nothing to explain, and a promise less on the way.
    return this.#hello.calls === CALLS_DIGEST ? answer : answer.catch((error: unknown) => Promise.reject(this.#explain(error)))
  }

  stream(name: string, input: unknown, options?: CallOptions): CallStream<unknown, unknown> {
    return this.#peer.stream(name, input, options)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // An answer that nobody reads would never come to its end.
    this.#peer.cancelAll(connectionClosed())
    await this.#peer[Symbol.asyncDispose]()
  }

  /** A refused name or input has a likely reason when the two sides were made for different call tables. */
  #explain(error: unknown): unknown {
    if (!isSomaError(error, 'call/unknown') && !isSomaError(error, 'call/invalid-input')) return error
    const { code, message, details } = error
    return new SomaError(code, `${message} (the daemon is of version ${this.#hello.version}, with other calls than this client)`, {
      details,
      cause: error,
    })
  }
}

async function open(path: string, signal: AbortSignal | undefined): Promise<Socket> {
  const socket = connectSocket({ path, ...(signal && { signal }) })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('connect', resolve).once('error', reject)
  try {
    await promise
  } catch (error) {
    throw unreachable(path, 'no daemon answers', error)
  }
  socket.off('error', reject)
  return socket
}

function unreachable(path: string, what: string, cause: unknown): SomaError {
  return new SomaError('daemon/unreachable', `${what} at ${path}; start one with \`soma serve --detach\``, {
    cause,
    details: { socket: path },
  })
}
