import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { defined } from '@soma/core'
import { systemClock } from '@soma/host'
import type { Fault } from './faults.ts'
import { type Reply, replyTo, textReply } from './reply.ts'
import { type Served, type ServedRequest, piecesOf, resolveFile } from './served-file.ts'

/** A request that came, as it stands now. */
export interface SeenRequest {
  readonly method: string
  /** Decoded, without the query. */
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string | undefined>>
  status: number
  /** Bytes of the body given to the socket so far. */
  sentBytes: number
  /** `open` until the answer is out; `cut` when either side closed before. */
  state: 'open' | 'sent' | 'cut'
}

export interface FaultyServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string
  readonly requests: readonly SeenRequest[]
  readonly openSockets: number
  /** Adds or replaces files; `*` answers for every path that has none. */
  serve(files: Readonly<Record<string, Served>>): void
  /** Misbehaves on the next `times` requests for `path` (`*`: for any). */
  fail(path: string, fault: Fault, times?: number): void
  /** Behaves again. */
  heal(): void
  /** Resolves when no answer is under way: each is out, or its connection closed. */
  whenQuiet(): Promise<void>
}

/** A real HTTP server on loopback that serves `files` by path, well or badly as told, and counts what it does. */
export async function createFaultyServer(files: Readonly<Record<string, Served>> = {}): Promise<FaultyServer> {
  const server = new Server(files)
  await server.listen()
  return server
}

class Server implements FaultyServer {
  readonly requests: SeenRequest[] = []
  readonly #files: Map<string, Served>
  readonly #faults: Array<{ path: string; fault: Fault; left: number }> = []
  readonly #sockets = new Set<Socket>()
  readonly #busy = new Set<Promise<void>>()
  readonly #stop = new AbortController()
  readonly #http = createServer((request, response) => this.#track(request, response))

  constructor(files: Readonly<Record<string, Served>>) {
    this.#files = new Map(Object.entries(files))
    this.#http.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  async listen(): Promise<void> {
    this.#http.listen(0, '127.0.0.1')
    await once(this.#http, 'listening')
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`
  }

  get openSockets(): number {
    return this.#sockets.size
  }

  serve(files: Readonly<Record<string, Served>>): void {
    for (const [path, file] of Object.entries(files)) this.#files.set(path, file)
  }

  fail(path: string, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.push({ path, fault, left: times })
  }

  heal(): void {
    this.#faults.length = 0
  }

  async whenQuiet(): Promise<void> {
    while (this.#busy.size > 0) await Promise.all(this.#busy)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    const closed = once(this.#http, 'close')
    this.#http.close()
    this.#http.closeAllConnections()
    await closed
    await this.whenQuiet()
  }

  #track(request: IncomingMessage, response: ServerResponse): void {
    const seen = seenRequest(request)
    this.requests.push(seen)
    response.once('close', () => (seen.state = response.writableFinished ? 'sent' : 'cut'))
    response.on('error', () => {})
    const closed = new Promise<void>((resolve) => response.once('close', resolve))
    const finish = async (): Promise<void> => {
      await this.#answer({ seen, response, closed, signal: this.#stop.signal }).catch((thrown: unknown) =>
        response.destroy(thrown as Error),
      )
      await closed
      this.#busy.delete(done)
    }
    const done = finish()
    this.#busy.add(done)
  }

  async #answer(sending: Sending): Promise<void> {
    const { seen, response } = sending
    const faults = this.#faultsFor(seen.path)
    const headers = faults.reduce((now, fault) => fault.request?.(now) ?? now, seen.headers)
    const plain = this.#plainReply({ ...seen, origin: this.origin, headers }, faults)
    const reply = faults.reduce((now, fault) => fault.reply?.(now) ?? now, plain)
    seen.status = reply.status
    if (reply.status === 0) return void response.destroy()
    await send(reply, sending)
  }

  #plainReply(request: ServedRequest, faults: readonly Fault[]): Reply {
    const file = this.#files.get(request.path) ?? this.#files.get('*')
    if (file === undefined) return textReply(404, `nothing at ${request.path}`)
    const resolved = resolveFile(file, request)
    return replyTo(
      faults.reduce((now, fault) => fault.file?.(now) ?? now, resolved),
      request.headers,
    )
  }

  #faultsFor(path: string): Fault[] {
    const due = this.#faults.filter((entry) => (entry.path === path || entry.path === '*') && entry.left > 0)
    for (const entry of due) entry.left--
    return due.map((entry) => entry.fault)
  }
}

function seenRequest(request: IncomingMessage): SeenRequest {
  const [path = '/', query = ''] = defined(request.url, 'a server request has a URL').split('?', 2)
  const headers = request.headers as Record<string, string | undefined>
  return { method: request.method ?? 'GET', path: decodeURIComponent(path), query, headers, status: 0, sentBytes: 0, state: 'open' }
}

interface Sending {
  readonly seen: SeenRequest
  readonly response: ServerResponse
  readonly closed: Promise<void>
  readonly signal: AbortSignal
}

async function send(reply: Reply, sending: Sending): Promise<void> {
  const { seen, response, signal } = sending
  // A misstated length must get onto the wire, where Node would refuse to send it.
  response.strictContentLength = false
  response.writeHead(reply.status, { ...reply.headers })
  response.flushHeaders()
  const stopAt = Math.min(reply.cutAfterBytes ?? Number.POSITIVE_INFINITY, reply.stallAfterBytes ?? Number.POSITIVE_INFINITY)
  const end = Math.min(reply.end, reply.start + stopAt)
  if (seen.method !== 'HEAD') await sendBody({ ...reply, end }, sending)
  if (response.destroyed) return
  if (reply.cutAfterBytes !== undefined) return void response.destroy()
  // Without an end there would be no next answer on this connection either; who has all bytes expects one.
  const isShort = reply.stallAfterBytes !== undefined && reply.stallAfterBytes < reply.end - reply.start
  if (isShort && !signal.aborted) return
  response.end()
}

async function sendBody(reply: Reply, { seen, response, closed, signal }: Sending): Promise<void> {
  for (const piece of pacedPieces(reply)) {
    if (response.destroyed || signal.aborted) return
    seen.sentBytes += piece.byteLength
    // Each piece is in the kernel before the next, so that a cut after n bytes delivers n.
    // Node drops the callbacks of what was still queued when the client goes, hence the race.
    await Promise.race([new Promise((resolve) => response.write(piece, resolve)), closed])
    if (reply.drip) await systemClock.sleep(reply.drip.everyMs, { signal }).catch(() => {})
  }
}

function* pacedPieces(reply: Reply): Generator<Uint8Array> {
  for (const piece of piecesOf(reply.body, reply.start, reply.end)) {
    const step = reply.drip?.pieceBytes ?? piece.byteLength
    for (let at = 0; at < piece.byteLength; at += step) yield piece.subarray(at, at + step)
  }
}
