import { SomaError, defined } from '@soma/core'
import { publicUrl } from './public-url.ts'
import type { HttpReply } from './source.ts'

/**
 * Reads a reply that is a document, not a download: an index page, a metadata file.
 * @throws {SomaError} `source/unavailable`, not retryable, when it is larger than `sizeBytesMax`; else as `HttpReply.body`.
 */
export async function readDocument(reply: HttpReply, sizeBytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for await (const chunk of reply.body) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > sizeBytesMax) throw tooLarge(reply, sizeBytesMax)
    chunks.push(chunk)
  }
  return chunks.length === 1 ? defined(chunks[0], 'one chunk') : join(chunks, sizeBytes)
}

function join(chunks: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const joined = new Uint8Array(sizeBytes)
  let at = 0
  for (const chunk of chunks) {
    joined.set(chunk, at)
    at += chunk.byteLength
  }
  return joined
}

function tooLarge(reply: HttpReply, sizeBytesMax: number): SomaError {
  const url = publicUrl(reply.url)
  const message = `${url} sent more than the ${sizeBytesMax} bytes such a document may have`
  return new SomaError('source/unavailable', message, { details: { url, sizeBytesMax }, retryable: false })
}
