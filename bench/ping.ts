import { once } from 'node:events'
import { type NetConnectOpts, type Socket, connect } from 'node:net'

/** How many bytes an answer has, told by its first chunk. */
export type AnswerBytes = (first: Buffer) => number

/** A connection that sends the same bytes again and again, each time waiting for the whole answer. */
export class Ping implements Disposable {
  readonly #socket: Socket
  readonly #request: Uint8Array
  readonly #answerBytes: AnswerBytes
  #missing = 0
  #done: (() => void) | undefined

  private constructor(socket: Socket, request: Uint8Array, answerBytes: AnswerBytes) {
    this.#socket = socket
    this.#request = request
    this.#answerBytes = answerBytes
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
  }

  static async open(target: NetConnectOpts, request: Uint8Array, answerBytes: AnswerBytes): Promise<Ping> {
    const socket = connect(target)
    await once(socket, 'connect')
    return new Ping(socket, request, answerBytes)
  }

  async once(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#done = resolve
    this.#missing = 0
    this.#socket.write(this.#request)
    await promise
  }

  #take(chunk: Buffer): void {
    if (this.#missing === 0) this.#missing = this.#answerBytes(chunk)
    this.#missing -= chunk.length
    if (this.#missing <= 0) this.#done?.()
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}

/** Head and body of an HTTP answer; heads are small enough to come in one chunk. */
export function httpAnswerBytes(first: Buffer): number {
  const text = first.toString('latin1')
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
  return text.indexOf('\r\n\r\n') + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1])
}
