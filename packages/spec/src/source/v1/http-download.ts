import { SomaError } from '@soma/core'
import { publicUrl } from './public-url.ts'
import type { Download, DownloadOptions, HttpFetch, HttpReply, HttpRequest } from './source.ts'

export interface HttpTarget extends Omit<HttpRequest, 'signal'> {
  readonly url: string
  /** The bytes are checked against a hash afterwards, so that resuming is safe even when the server names no version of them. */
  readonly hashed: boolean
}

/**
 * Opens a URL at an offset (RFC 9110 Range and If-Range) for a source's `download`. A server that ignores the range, or whose
 * bytes have changed, gives a download from the start.
 * @throws {SomaError} as `HttpFetch`.
 */
export async function openHttpDownload(fetch: HttpFetch, target: HttpTarget, options: DownloadOptions): Promise<Download> {
  const { offset, end, validator, signal } = options
  const allOfIt = offset === 0 && end === undefined
  const unsafe = offset > 0 && validator === undefined && !target.hashed
  if (allOfIt || unsafe) return fromStart(fetch, target, signal)
  const range = { range: `bytes=${offset}-${end === undefined ? '' : end - 1}`, ...(validator !== undefined && { 'if-range': validator }) }
  const reply = await request(fetch, target, signal, range)
  if (reply.status === 200) return whole(reply)
  if (reply.status === 206 && continues(reply, options)) return rest(reply, options)
  reply[Symbol.dispose]()
  if (reply.status === 416 && totalBytes(reply) === offset) return { ...rest(reply, options), body: empty }
  return fromStart(fetch, target, signal)
}

/** The value for If-Range: a strong ETag, else the modification date. Weak tags never match there. */
export function validatorOf(headers: HttpReply['headers']): string | undefined {
  const { etag } = headers
  return etag?.startsWith('"') ? etag : headers['last-modified']
}

/** Size of the whole thing, from the reply to a request with or without a range. */
export function totalBytes(reply: Pick<HttpReply, 'status' | 'headers'>): number | undefined {
  const text = reply.status === 200 ? reply.headers['content-length'] : contentRange(reply)?.total
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

async function fromStart(fetch: HttpFetch, target: HttpTarget, signal: AbortSignal): Promise<Download> {
  const reply = await request(fetch, target, signal, {})
  if (reply.status === 200) return whole(reply)
  reply[Symbol.dispose]()
  const url = publicUrl(reply.url)
  throw new SomaError('source/unavailable', `${url} answered ${reply.status} to a plain request`, {
    details: { url, status: reply.status },
  })
}

function request(fetch: HttpFetch, target: HttpTarget, signal: AbortSignal, headers: Record<string, string>): Promise<HttpReply> {
  const { url, connection } = target
  return fetch(url, { headers: { ...target.headers, ...headers }, signal, ...(connection && { connection }) })
}

/** Whether a 206 is what was asked for: some servers ignore If-Range, or send another range. */
function continues({ headers }: HttpReply, { offset, validator }: DownloadOptions): boolean {
  const now = validator?.startsWith('"') ? headers['etag'] : headers['last-modified']
  const changed = validator !== undefined && now !== undefined && now !== validator
  return !changed && contentRange({ headers })?.start === offset
}

function contentRange(reply: Pick<HttpReply, 'headers'>): { readonly start: number; readonly total: string } | undefined {
  const match = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(reply.headers['content-range'] ?? '')
  return match ? { start: Number(match[1] ?? Number.NaN), total: match[2] ?? '*' } : undefined
}

function whole(reply: HttpReply): Download {
  return { offset: 0, ...described(reply), body: reply.body }
}

/** The validator is the caller's own, as the server has just confirmed it; a 206 need not repeat all that a 200 says. */
function rest(reply: HttpReply, { offset, validator }: DownloadOptions): Download {
  return { offset, ...described(reply), ...(validator !== undefined && { validator }), body: reply.body }
}

function described(reply: HttpReply): Pick<Download, 'sizeBytes' | 'validator'> {
  const sizeBytes = totalBytes(reply)
  const validator = validatorOf(reply.headers)
  return { ...(sizeBytes !== undefined && { sizeBytes }), ...(validator !== undefined && { validator }) }
}

const empty: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: true, value: undefined }) }),
}
