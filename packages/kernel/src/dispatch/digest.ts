import { hash, webcrypto } from 'node:crypto'
import type { PackedFrame } from '@soma/spec'

/** Smaller ones are hashed in place: a trip to the thread pool costs about as much as hashing this many bytes. */
const INLINE_BYTES_MAX = 64 * 1024

/** Bytes of all attachments, with their padding. */
export function bodyBytes({ body }: PackedFrame): number {
  return body.reduce((sum, { byteLength }) => sum + byteLength, 0)
}

/** sha256 of a frame's header: the message with its attachments' places and sizes, but not their bytes. */
export function headerDigest({ header }: PackedFrame): string {
  return hash('sha256', header)
}

/**
 * The digest of a frame's attachments: sha256 of the sha256 of each part, one hex line each; null when there are none.
 * Large ones are hashed off this thread while the call goes on: the promise is awaited only before the end entry.
 */
export function attachmentsDigest({ body }: PackedFrame): Promise<string> | string | null {
  if (body.length === 0) return null
  const digests = body.map((bytes) => (bytes.byteLength > INLINE_BYTES_MAX ? offThread(bytes) : hash('sha256', bytes)))
  if (digests.every((digest) => typeof digest === 'string')) return combine(digests)
  const combined = Promise.all(digests.map(async (digest) => digest)).then(combine)
  // Nobody waits for it before the call has ended; until then a failure must not count as one that nobody handles.
  combined.catch(() => undefined)
  return combined
}

function combine(digests: readonly string[]): string {
  return hash('sha256', digests.join('\n'))
}

async function offThread(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex')
}
