import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { FakeDispatcher, httpFaceDeps, loopback } from '@soma/testkit/face'
import { type HttpFace, type HttpFaceDeps, type HttpFaceOptions, createHttpFace } from './index.ts'

/** A face on a free port of loopback, with a fake kernel behind it. */
export class TestFace implements AsyncDisposable {
  readonly dispatcher: FakeDispatcher
  readonly face: HttpFace
  readonly url: string

  private constructor(dispatcher: FakeDispatcher, face: HttpFace, url: string) {
    this.dispatcher = dispatcher
    this.face = face
    this.url = url
  }

  static async start(options: Partial<HttpFaceOptions> = {}, deps: Partial<HttpFaceDeps> = {}): Promise<TestFace> {
    const dispatcher = new FakeDispatcher()
    const face = createHttpFace({ ...httpFaceDeps(dispatcher), ...deps }, { ...loopback, connectionsMax: 2048, ...options })
    const { address } = await face.start()
    return new TestFace(dispatcher, face, address)
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url + path, init)
  }

  /** POSTs JSON. */
  async post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
    return this.fetch(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } })
  }

  /** A connection whose bytes the test writes itself. */
  async connect(): Promise<RawConnection> {
    const socket = connect(this.port, '127.0.0.1')
    await once(socket, 'connect')
    return new RawConnection(socket)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.face.stop({ drainMs: 0 })
  }
}

/** Bytes in, text out. */
export class RawConnection implements Disposable {
  readonly socket: Socket
  /** What has come so far. */
  text = ''
  readonly closed: Promise<void>

  constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => (this.text += bytes.toString('latin1')))
  }

  write(text: string | Uint8Array): void {
    this.socket.write(text)
  }

  /** The request head with our Host, and these header lines. */
  head(requestLine: string, ...headers: string[]): void {
    this.write([requestLine, 'host: localhost', ...headers, '', ''].join('\r\n'))
  }

  /** Resolves when the text matches. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) await Promise.race([once(this.socket, 'data'), this.closed.then(() => this.#check(pattern))])
    return this.text
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }

  #check(pattern: RegExp): void {
    if (!pattern.test(this.text)) throw new Error(`closed before ${pattern.source} came; got ${JSON.stringify(this.text.slice(0, 400))}`)
  }
}
