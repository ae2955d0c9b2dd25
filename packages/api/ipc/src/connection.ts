import type { Socket } from 'node:net'
import { type Clock, OWNER, SomaError, assert } from '@soma/core'
import { CALLS_DIGEST, type Caller, type Dispatcher, callDefinition, isCallName } from '@soma/spec'
import { type Channel, type Peer, createChannel, createPeer } from '@soma/wire'
import { answerEvents } from './codec.ts'
import { lostConnection, tooMuchHeld } from './errors.ts'
import type { HeldBytes } from './held-bytes.ts'
import { type IpcLimits, STREAM_WINDOW } from './limits.ts'
import { HELLO, type Hello, IPC_PROTOCOL } from './protocol.ts'

export interface ConnectionParts {
  readonly dispatcher: Dispatcher
  readonly clock: Clock
  readonly version: string
  readonly limits: IpcLimits
  /** What is still coming; a connection over it is ended, because there is no way to refuse half a frame. */
  readonly frames: HeldBytes
  /** What calls were given; those over it are refused. */
  readonly inputs: HeldBytes
}

/** The socket's file mode lets only its owner connect: that is the authentication. */
const owner: Caller = { principal: OWNER, face: 'ipc' }

/** What a peer says of a call. */
interface Ctx {
  readonly signal: AbortSignal
  readonly sizeBytes: number
}

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
  readonly #channel: Channel
  readonly #peer: Peer
  readonly #calls = new Set<RunningCall>()
  /** What is counted of the frame that is coming. */
  #frameBytes = 0

  constructor(parts: ConnectionParts, socket: Socket) {
    this.#parts = parts
    this.#socket = socket
    this.#closeWhenSilent()
    this.#channel = createChannel({ readable: socket, writable: socket })
    this.#peer = createPeer(this.#channel, {
      answer: (method, input, ctx) => this.#answer(method, input, ctx),
      concurrencyMax: parts.limits.callsPerConnectionMax,
      streamWindow: STREAM_WINDOW,
      lost: lostConnection,
    })
    // After the channel's own listener: what it keeps of the bytes is known then.
    socket.on('data', () => this.#watchMemory()).once('close', () => this.#countFrame(0))
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

  #answer(method: string, input: unknown, ctx: Ctx): Promise<unknown> | AsyncGenerator<unknown, unknown, void> {
    // The frame is a call's input from here on.
    this.#countFrame(0)
    if (method === HELLO) return Promise.resolve(this.#hello())
    const definition = isCallName(method) ? callDefinition(method) : undefined
    return definition?.events ? this.#stream(method, input, ctx, definition.endless === true) : this.#call(method, input, ctx)
  }

  #hello(): Hello {
    return { protocol: IPC_PROTOCOL, version: this.#parts.version, calls: CALLS_DIGEST }
  }

  async #call(method: string, input: unknown, ctx: Ctx): Promise<unknown> {
    using running = this.#begin(ctx, false)
    const dispatched = await this.#parts.dispatcher.dispatch(owner, method, input, { signal: running.signal })
    assert(dispatched.kind === 'output', `${method} is a unary call`)
    return dispatched.output
  }

  async *#stream(method: string, input: unknown, ctx: Ctx, endless: boolean): AsyncGenerator<unknown, unknown, void> {
    using running = this.#begin(ctx, endless)
    const dispatched = await this.#parts.dispatcher.dispatch(owner, method, input, { signal: running.signal })
    assert(dispatched.kind === 'stream', `${method} is a streaming call`)
    return yield* answerEvents(dispatched.stream)
  }

  /** @throws {SomaError} `resource/exhausted` when there is no room for its input. */
  #begin({ signal, sizeBytes }: Ctx, endless: boolean): Disposable & { readonly signal: AbortSignal } {
    const { inputs, limits } = this.#parts
    if (!inputs.take(sizeBytes)) throw tooMuchHeld('inputs', limits.heldBytesMax)
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
        inputs.give(sizeBytes)
      },
    }
  }

  /** A frame that finds no room ends its connection; a client that does not read its answers is not read either. */
  #watchMemory(): void {
    const { heldBytesMax, unreadBytesMax } = this.#parts.limits
    if (!this.#countFrame(this.#channel.heldBytes)) {
      void this.#channel.send({ error: tooMuchHeld('frames', heldBytesMax).toProblem() })
      this.#channel.destroy()
    } else if (this.#socket.writableLength > unreadBytesMax) {
      this.#socket.pause()
      this.#socket.once('drain', () => this.#socket.resume())
    }
  }

  /** @returns false when there is no room. */
  #countFrame(sizeBytes: number): boolean {
    const { frames } = this.#parts
    if (sizeBytes > this.#frameBytes && !frames.take(sizeBytes - this.#frameBytes)) return false
    if (sizeBytes < this.#frameBytes) frames.give(this.#frameBytes - sizeBytes)
    this.#frameBytes = sizeBytes
    return true
  }

  #closeWhenSilent(): void {
    const timer = this.#parts.clock.schedule(this.#parts.limits.silentMsMax, () => this.#socket.destroy())
    this.#socket.once('data', () => timer[Symbol.dispose]()).once('close', () => timer[Symbol.dispose]())
  }
}

function stopping(): SomaError {
  return new SomaError('daemon/stopping', 'the daemon stopped before the call was done')
}
