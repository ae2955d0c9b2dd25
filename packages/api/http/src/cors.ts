import type { IncomingMessage, ServerResponse } from 'node:http'
import { PREFLIGHT_SECONDS } from './limits.ts'
import { CALL_HEADER } from './reply.ts'

/** Lets the page of an allowed origin read the answer. */
export function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader('access-control-expose-headers', CALL_HEADER)
  response.setHeader('vary', 'Origin')
}

/** Answers OPTIONS: what the path takes, and for a preflight of an allowed origin what its page may send. */
export function sendOptions(request: IncomingMessage, response: ServerResponse, allow: readonly string[]): void {
  response.setHeader('allow', [...allow, 'OPTIONS'].join(', '))
  if (response.hasHeader('access-control-allow-origin') && request.headers['access-control-request-method'] !== undefined) {
    response.setHeader('access-control-allow-methods', allow.join(', '))
    // Whatever it asks for: clients of other APIs have headers of their own, and what calls mean no header changes.
    response.setHeader(
      'access-control-allow-headers',
      request.headers['access-control-request-headers'] ?? 'authorization, content-type, accept',
    )
    response.setHeader('access-control-max-age', PREFLIGHT_SECONDS)
  }
  response.writeHead(204).end()
}
