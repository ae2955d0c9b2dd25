import type { Reply } from './reply.ts'
import { textReply } from './reply.ts'
import type { ResolvedFile } from './served-file.ts'

type Headers = Readonly<Record<string, string | undefined>>

/** One way for a server to misbehave. Each hook sees the request at another stage; several faults combine. */
export interface Fault {
  readonly request?: (headers: Headers) => Headers
  readonly file?: (file: ResolvedFile) => ResolvedFile
  readonly reply?: (reply: Reply) => Reply
}

/** Answers with this status and a short text. */
export function answers(status: number, headers: Readonly<Record<string, string>> = {}): Fault {
  return { reply: () => textReply(status, `testkit says ${status}`, headers) }
}

/** Redirects to `location`, which may be relative. */
export function redirectsTo(location: string, status = 302): Fault {
  return answers(status, { location })
}

/** Closes the socket without an answer. */
export const resets: Fault = { reply: (reply) => ({ ...reply, status: 0 }) }

/** Breaks the connection after so many bytes of the body. */
export function cutsAfter(bytes: number): Fault {
  return { reply: (reply) => ({ ...reply, cutAfterBytes: bytes }) }
}

/** Goes silent after so many bytes of the body, with the connection open. */
export function stallsAfter(bytes: number): Fault {
  return { reply: (reply) => ({ ...reply, stallAfterBytes: bytes }) }
}

/** Sends nothing of the file from byte `at` on, with the connection open. */
export function withholdsFrom(at: number): Fault {
  return { reply: (reply) => ({ ...reply, stallAfterBytes: Math.max(0, at - reply.start) }) }
}

/** Sends `pieceBytes` every `everyMs`. */
export function drips(pieceBytes: number, everyMs: number): Fault {
  return { reply: (reply) => ({ ...reply, drip: { pieceBytes, everyMs } }) }
}

/** Claims `by` bytes more than it sends (fewer, if negative), and then closes. */
export function misstatesLength(by: number): Fault {
  return {
    reply: (reply) => ({
      ...reply,
      headers: { ...reply.headers, 'content-length': String(reply.end - reply.start + by) },
      ...(by > 0 && { cutAfterBytes: reply.end - reply.start }),
    }),
  }
}

/** Serves only the first `bytes` of the file, as if they were all. */
export function truncatesTo(bytes: number): Fault {
  return {
    file: (file) => ({
      ...file,
      body: file.body instanceof Uint8Array ? file.body.subarray(0, bytes) : { ...file.body, sizeBytes: bytes },
    }),
  }
}

/** Answers a ranged request with everything. */
export const ignoresRange: Fault = { request: (headers) => ({ ...headers, range: undefined }) }

/** Answers a range although If-Range names other bytes, as some caches do. */
export const ignoresIfRange: Fault = { request: (headers) => ({ ...headers, 'if-range': undefined }) }

/** Answers with the range that lies `by` bytes further on, and says so. */
export function shiftsRange(by: number): Fault {
  const shifted = (range: string | undefined): string | undefined => range?.replace(/\d+/, (start) => String(Number(start) + by))
  return { request: (headers) => ({ ...headers, range: shifted(headers['range']) }) }
}

/** Sends what lies `by` bytes further on, as if it were what was asked for. */
export function liesAboutRange(by: number): Fault {
  return { reply: (reply) => (reply.status === 206 ? { ...reply, start: reply.start + by, end: reply.end + by } : reply) }
}

/** Names the bytes by another ETag; null names them by none. */
export function hasEtag(etag: string | null): Fault {
  return { file: (file) => ({ ...file, etag }) }
}

/** Flips every bit of the byte at `at`, under the same ETag. */
export function corruptsByte(at: number): Fault {
  return {
    file: (file) => {
      if (!(file.body instanceof Uint8Array)) throw new TypeError('corruptsByte needs a file with bytes of its own')
      // Not `slice`: a Buffer's shares its memory.
      const body = new Uint8Array(file.body)
      body[at] = (body[at] ?? 0) ^ 0xff
      return { ...file, body }
    },
  }
}
