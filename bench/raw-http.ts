import { once } from 'node:events'
import { type Socket, connect } from 'node:net'

/** A kept connection that only writes requests and reads what comes: what a client costs is not to be measured with the server. */
export class RawHttp implements Disposable {
  readonly #socket: Socket
  readonly #head: string

  private constructor(socket: Socket, head: string) {
    this.#socket = socket
    this.#head = head
  }

  /** For requests of one kind: `POST` to this URL, with these headers. */
  static async open(url: URL, headers: Readonly<Record<string, string>>): Promise<RawHttp> {
    const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true }).setEncoding('utf8')
    await once(socket, 'connect')
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
    return new RawHttp(socket, [`POST ${url.pathname} HTTP/1.1`, `host: ${url.host}`, ...lines].join('\r\n'))
  }

  /** Resolves at the end of a chunked answer; `seen` gets it as it comes, with the lines of its protocol. */
  async post(body: string, seen: (text: string) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let all = ''
    const read = (text: string): void => {
      all += text
      if (!all.startsWith('HTTP/1.1 200')) return reject(new Error(`the daemon answered ${all}`))
      seen(text)
      if (all.endsWith('\r\n0\r\n\r\n')) resolve()
    }
    const closed = (): void => reject(new Error('the daemon closed the connection'))
    this.#socket.on('data', read).once('close', closed)
    this.#socket.write(`${this.#head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    try {
      await promise
    } finally {
      this.#socket.off('data', read).off('close', closed)
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }
}
