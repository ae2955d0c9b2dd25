import { rmSync } from 'node:fs'
import { type Server, connect, createServer } from 'node:net'
import { finished } from 'node:stream/promises'

/** Node reads every socket and pipe into pieces of 64 KiB; more than a few of them are never in use at once. */
const OVERWRITE_BYTES = 4 * 64 * 1024

/**
 * The memory into which Node reads from sockets and pipes. It is kept for the next read, with all that was longer in the
 * last one, and nothing but a read reaches it: so this process sends itself zeros.
 */
export class ReadBuffer implements Disposable {
  readonly #path: string
  readonly #server: Server

  /** @param path of a socket that this makes, in a private folder; no longer than that of the daemon's own, which was seen to fit. */
  constructor(path: string) {
    this.#path = path
    rmSync(path, { force: true })
    this.#server = createServer((socket) => socket.on('error', () => {}).resume()).unref()
    // Connecting to it fails then, and is told of.
    this.#server.on('error', () => {})
    this.#server.listen(path)
  }

  /** Resolves when it holds nothing but zeros. */
  async overwrite(): Promise<void> {
    const socket = connect(this.#path)
    socket.end(Buffer.alloc(OVERWRITE_BYTES))
    await finished(socket.resume())
  }

  [Symbol.dispose](): void {
    this.#server.close()
  }
}
