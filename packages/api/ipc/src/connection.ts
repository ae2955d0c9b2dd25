import type { Socket } from 'node:net'
import { type Clock, OWNER, SomaError, assert } from '@soma/core'
import { CALLS_DIGEST, type Caller, type Dispatcher, callDefinition, isCallName } from '@soma/spec'
import { type Peer, createChannel, createPeer } from '@soma/wire'
import { answerEvents } from './codec.ts'
import { lostConnection } from './errors.ts'
import { type IpcLimits, STREAM_WINDOW } from './limits.ts'
import { HELLO, type Hello, IPC_PROTOCOL } from './protocol.ts'

export interface ConnectionParts {
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly version: string
  readonly limits: IpcLimits
}

/** The socket's file mode lets only its owner connect: that is the authentication. */
const owner: Caller = { principal: OWNER, face: 'ipc' }

/** A call that can be ended from here, too: when the daemon stops. */
interface RunningCall {
  readonly abort: AbortController
  /** Its stream ends only when the client leaves: a drain need not wait for it. */
  readonly endless: boolean
}

/** One client: its messages are calls of the table. */
export class Connection {
  readonly #parts: ConnectionParts
  readonly #socket: Socket
  readonly #peer: Peer
  readonly #calls = new Set<RunningCall>()

  constructor(parts: ConnectionParts, socket: Socket) {
    this.#parts = parts
    this.#socket = socket
    this.#closeWhenSilent()
    this.#peer = createPeer(createChannel({ readable: socket, writable: socket }), {
      answer: (method, input, { signal }) => this.#answer(method, input, signal),
      concurrencyMax: parts.limits.callsPerConnectionMax,
      streamWindow: STREAM_WINDOW,
      lost: lostConnection,
    })
  }

  /** Resolves when the connection is over. */
  get closed(): Promise<unknown> {
    return this.#peer.closed
  }

  /** Takes no new calls and ends endless ones; resolves when the others are done and the connection is closed. */
  async drain(): Promise<void> {
    for (const call of this.#calls) if (call.endless) call.abort.abort(stopping())
    await this.#peer[Symbol.asyncDispose]()
  }

  /** Ends the calls under way. */
  abort(): void {
    for (const { abort } of this.#calls) abort.abort(stopping())
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #answer(method: string, input: unknown, signal: AbortSignal): Promise<unknown> | AsyncGenerator<unknown, unknown, void> {
    if (method === HELLO) return Promise.resolve(this.#hello())
    const definition = isCallName(method) ? callDefinition(method) : undefined
    return definition?.events ? this.#stream(method, input, signal, definition.endless === true) : this.#call(method, input, signal)
  }

  #hello(): Hello {
    return { protocol: IPC_PROTOCOL, version: this.#parts.version, calls: CALLS_DIGEST }
  }

  async #call(method: string, input: unknown, signal: AbortSignal): Promise<unknown> {
    using running = this.#begin(signal, false)
    const dispatched = await this.#parts.dispatcher.dispatch(owner, method, input, { signal: running.signal })
    assert(dispatched.kind === 'output', `${method} is a unary call`)
    return dispatched.output
  }

  async *#stream(method: string, input: unknown, signal: AbortSignal, endless: boolean): AsyncGenerator<unknown, unknown, void> {
    using running = this.#begin(signal, endless)
    const dispatched = await this.#parts.dispatcher.dispatch(owner, method, input, { signal: running.signal })
    assert(dispatched.kind === 'stream', `${method} is a streaming call`)
    return yield* answerEvents(dispatched.stream)
  }

  #begin(signal: AbortSignal, endless: boolean): Disposable & { readonly signal: AbortSignal } {
    const call = { abort: new AbortController(), endless }
    const onAbort = (): void => call.abort.abort(signal.reason)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    this.#calls.add(call)
    return {
      signal: call.abort.signal,
      [Symbol.dispose]: () => {
        signal.removeEventListener('abort', onAbort)
        this.#calls.delete(call)
      },
    }
  }

  #closeWhenSilent(): void {
    const timer = this.#parts.clock.schedule(this.#parts.limits.silentMsMax, () => this.#socket.destroy())
    this.#socket.once('data', () => timer[Symbol.dispose]()).once('close', () => timer[Symbol.dispose]())
  }
}

function stopping(): SomaError {
  return new SomaError('daemon/stopping', 'the daemon stopped before the call was done')
}
