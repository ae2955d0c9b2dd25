import { hash, webcrypto } from 'node:crypto'
import { encodeFrame } from '@soma/spec'

/** Smaller ones are hashed in place: a trip to the thread pool costs about as much as hashing this many bytes. */
const INLINE_BYTES_MAX = 64 * 1024

/** The value as a frame: header first, then attachments. */
export function frameOf(value: unknown): Uint8Array[] {
  return encodeFrame(value)
}

export function attachmentBytes(parts: readonly Uint8Array[]): number {
  let bytes = 0
  for (let index = 1; index < parts.length; index++) bytes += parts[index]?.byteLength ?? 0
  return bytes
}

/** sha256 of a frame's header: the message with its attachments' names and sizes, but not their bytes. */
export function headerDigest(parts: readonly Uint8Array[]): string {
  return hash('sha256', parts[0] ?? new Uint8Array(0), 'hex')
}

/**
 * The digest of a frame's attachments: sha256 of their sha256 digests, one hex line each; null when there are none.
 * Large ones are hashed off this thread while the call goes on: the promise is awaited only before the end entry.
 */
export function attachmentsDigest(parts: readonly Uint8Array[]): Promise<string> | string | null {
  if (parts.length < 2) return null
  const digests = parts.slice(1).map((bytes) => (bytes.byteLength > INLINE_BYTES_MAX ? offThread(bytes) : hash('sha256', bytes, 'hex')))
  return digests.every((digest) => typeof digest === 'string')
    ? combine(digests)
    : Promise.all(digests.map(async (digest) => digest)).then(combine)
}

function combine(digests: readonly string[]): string {
  return hash('sha256', digests.join('\n'), 'hex')
}

async function offThread(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex')
}
