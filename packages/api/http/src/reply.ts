import type { ServerResponse } from 'node:http'
import type { Clock } from '@soma/core'
import { JOINED_BYTES_MAX, LINGER_MS } from './limits.ts'

/** The name of the response header that names the call, in the audit log too. */
export const CALL_HEADER = 'soma-call'

export interface Reply {
  readonly status: number
  readonly contentType: string
  readonly body: string | readonly Uint8Array[]
  readonly headers?: Record<string, string | number>
}

/** Sends a whole answer. A client that takes none of it for `stallMs` is cut off. */
export function sendReply(response: ServerResponse, { status, contentType, body, headers = {} }: Reply, stallMs: number): void {
  headers['content-type'] = contentType
  const sizeBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.reduce((sum, part) => sum + part.byteLength, 0)
  headers['content-length'] = sizeBytes
  response.writeHead(status, headers)
  if (typeof body === 'string') response.end(body)
  else endWithParts(response, body, sizeBytes)
  if (response.writableLength > 0) response.socket?.setTimeout(stallMs)
}

/** Small answers go out as one buffer: copying them costs less than a list of buffers to write. */
function endWithParts(response: ServerResponse, parts: readonly Uint8Array[], sizeBytes: number): void {
  if (sizeBytes <= JOINED_BYTES_MAX) return void response.end(Buffer.concat(parts, sizeBytes))
  response.cork()
  for (const part of parts) response.write(part)
  response.end()
  response.uncork()
}

/**
 * Sends an answer while the client is still sending its request, then reads and drops the rest for a moment: closing
 * at once would reset the connection, and the client would never see why.
 */
export function refuseEarly(response: ServerResponse, reply: Reply, clock: Clock): void {
  const { req: request } = response
  const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : Buffer.concat(reply.body)
  response.writeHead(reply.status, {
    'content-type': reply.contentType,
    'content-length': body.byteLength,
    connection: 'close',
    ...reply.headers,
  })
  response.write(body)
  const timer = clock.schedule(LINGER_MS, () => response.end())
  const finish = (): void => {
    timer[Symbol.dispose]()
    response.end()
  }
  request.removeAllListeners('data').on('end', finish).on('close', finish).resume()
}
