import { createHash } from 'node:crypto'

/** What a request looked like, to bodies that depend on it. */
export interface ServedRequest {
  /** The server's own address, without a slash at the end: index pages hold absolute links. */
  readonly origin: string
  readonly method: string
  /** Decoded, without the query. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly headers: Readonly<Record<string, string | undefined>>
}

/** Bytes that need no memory: `block` over and over, `sizeBytes` in all. */
export interface Repeated {
  readonly block: Uint8Array
  readonly sizeBytes: number
}

export type Content = Uint8Array | string | Repeated

export interface ServedFile {
  /** 200 by default. Other statuses send the body as it is, whatever range was asked for. */
  readonly status?: number
  readonly body: Content | ((request: ServedRequest) => Content)
  /** `application/octet-stream` by default. */
  readonly contentType?: string
  /** By default the sha256 of the bytes, in quotes; null sends none. */
  readonly etag?: string | null
  /** An HTTP date; none by default. */
  readonly lastModified?: string
  /** The Authorization header that a request must have; 401 without. */
  readonly authorization?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** What a path leads to: a file, or one that depends on the request. */
export type Served = ServedFile | ((request: ServedRequest) => ServedFile)

/** A file as one request sees it. */
export interface ResolvedFile extends Omit<ServedFile, 'body'> {
  readonly body: Uint8Array | Repeated
}

export function resolveFile(served: Served, request: ServedRequest): ResolvedFile {
  const file = typeof served === 'function' ? served(request) : served
  const content = typeof file.body === 'function' ? file.body(request) : file.body
  return { ...file, body: typeof content === 'string' ? new TextEncoder().encode(content) : content }
}

export function sizeOf(body: ResolvedFile['body']): number {
  return body instanceof Uint8Array ? body.byteLength : body.sizeBytes
}

/** Undefined for repeated bytes, whose hash would take as long as sending them. */
export function etagOf(file: ResolvedFile): string | undefined {
  if (file.etag !== undefined) return file.etag ?? undefined
  if (!(file.body instanceof Uint8Array)) return `"${file.body.sizeBytes}"`
  return `"${createHash('sha256').update(file.body).digest('hex').slice(0, 32)}"`
}

/** The bytes from `start` to `end` (exclusive), in pieces. */
export function* piecesOf(body: ResolvedFile['body'], start: number, end: number): Generator<Uint8Array> {
  if (body instanceof Uint8Array) {
    if (end > start) yield body.subarray(start, end)
    return
  }
  for (let at = start; at < end;) {
    const from = at % body.block.byteLength
    const piece = body.block.subarray(from, Math.min(body.block.byteLength, from + end - at))
    yield piece
    at += piece.byteLength
  }
}
