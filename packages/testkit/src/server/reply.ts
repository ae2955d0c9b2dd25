import { type ResolvedFile, etagOf, sizeOf } from './served-file.ts'

/** What the server is about to send. Faults change it. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: ResolvedFile['body']
  /** Range of `body` that is sent. */
  readonly start: number
  readonly end: number
  /** Destroy the socket after so many body bytes. */
  readonly cutAfterBytes?: number
  /** Send nothing more after so many body bytes, and keep the socket open. */
  readonly stallAfterBytes?: number
  /** Send pieces of this size at this pace. */
  readonly drip?: { readonly pieceBytes: number; readonly everyMs: number }
}

/** The answer to a well-behaved request by a well-behaved server: RFC 9110 with Range and If-Range. */
export function replyTo(file: ResolvedFile, headers: Readonly<Record<string, string | undefined>>): Reply {
  if (file.authorization !== undefined && headers['authorization'] !== file.authorization)
    return textReply(401, 'credentials, please', { 'www-authenticate': 'Basic realm="testkit"' })
  const sizeBytes = sizeOf(file.body)
  const shared = sharedHeaders(file)
  if (file.status !== undefined)
    return { status: file.status, headers: { ...shared, 'content-length': String(sizeBytes) }, body: file.body, start: 0, end: sizeBytes }
  const range = matchingRange(file, headers, sizeBytes)
  if (range === undefined)
    return { status: 200, headers: { ...shared, 'content-length': String(sizeBytes) }, body: file.body, start: 0, end: sizeBytes }
  const { start, end } = range
  if (start >= sizeBytes) return textReply(416, '', { ...shared, 'content-range': `bytes */${sizeBytes}` })
  const partial = { 'content-range': `bytes ${start}-${end - 1}/${sizeBytes}`, 'content-length': String(end - start) }
  return { status: 206, headers: { ...shared, ...partial }, body: file.body, start, end }
}

export function textReply(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Reply {
  const body = new TextEncoder().encode(text)
  return { status, headers: { ...headers, 'content-length': String(body.byteLength) }, body, start: 0, end: body.byteLength }
}

function sharedHeaders(file: ResolvedFile): Record<string, string> {
  const etag = etagOf(file)
  return {
    'accept-ranges': 'bytes',
    'content-type': file.contentType ?? 'application/octet-stream',
    ...(etag !== undefined && { etag }),
    ...(file.lastModified !== undefined && { 'last-modified': file.lastModified }),
    ...file.headers,
  }
}

function matchingRange(file: ResolvedFile, headers: Readonly<Record<string, string | undefined>>, sizeBytes: number) {
  const match = /^bytes=(\d+)-(\d*)$/.exec(headers['range'] ?? '')
  if (!match) return undefined
  const condition = headers['if-range']
  const strong = etagOf(file)?.startsWith('"') === true ? etagOf(file) : undefined
  if (condition !== undefined && condition !== strong && condition !== file.lastModified) return undefined
  const last = match[2] === '' ? sizeBytes - 1 : Math.min(Number(match[2]), sizeBytes - 1)
  return { start: Number(match[1]), end: last + 1 }
}
