import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface EndpointRequest {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Uint8Array
  /** The body as JSON, and nothing of it when it is none. */
  readonly json: Readonly<Record<string, unknown>>
}

export interface EndpointAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Whole, or in pieces as they come. */
  readonly body: string | Uint8Array | AsyncIterable<string>
}

/** `POST /api/chat` → what it answers. */
export type EndpointRoutes = Readonly<Record<string, (request: EndpointRequest) => EndpointAnswer>>

export interface ModelEndpoint extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string
  readonly requests: readonly EndpointRequest[]
  /** Answers that are being sent. */
  readonly active: number
  /** Answers the next requests for this route so. */
  override(route: string, answer: EndpointAnswer): void
}

/** A real HTTP server on loopback that speaks some API of models. */
export async function createModelEndpoint(routes: EndpointRoutes): Promise<ModelEndpoint> {
  const requests: EndpointRequest[] = []
  const overrides = new Map<string, EndpointAnswer>()
  const counts = { active: 0 }
  const server = createServer((request, response) => {
    counts.active += 1
    response.once('close', () => (counts.active -= 1))
    void answer(request, response)
  })
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>))
    const path = request.url ?? '/'
    const seen = { path, headers: request.headers, body, json: readJson(body) }
    requests.push(seen)
    const route = `${request.method} ${path}`
    const answer = overrides.get(route) ?? routes[route]?.(seen) ?? { status: 404, body: '{"error":"not found"}' }
    // Pieces that fail break the connection.
    await send(response, answer).catch(() => response.destroy())
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get active() {
      return counts.active
    },
    override: (route, answer) => void overrides.set(route, answer),
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function send(response: ServerResponse, { status = 200, headers = {}, body }: EndpointAnswer): Promise<void> {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  if (typeof body === 'string' || body instanceof Uint8Array) return void response.end(body)
  for await (const piece of body) {
    if (response.destroyed) return
    if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')])
  }
  response.end()
}

function readJson(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString('utf8')) as Record<string, unknown>
  } catch {
    return {}
  }
}
