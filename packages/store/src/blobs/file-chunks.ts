import type { Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { throwIfAborted } from '@soma/core'
import { BLOB_CHUNK_BYTES } from '../limits.ts'

export interface ChunkOptions {
  readonly begin?: number | undefined
  /** Exclusive; the end of the file by default. */
  readonly end?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Two buffers in turn: a chunk is good until the next one is asked for. */
  readonly reuseMemory?: boolean | undefined
}

/** The bytes of a file in chunks of 1 MiB. Reads one ahead, so that whoever works on a chunk does not wait for the next. */
export async function* readChunks(path: string, options: ChunkOptions = {}): AsyncGenerator<Uint8Array> {
  const { begin = 0, end = Infinity, signal } = options
  await using handle = await open(path, 'r')
  const memory = chunkMemory(options.reuseMemory ?? false)
  const readAt = (position: number) => readAhead(handle, memory(), { position, sizeBytes: Math.min(BLOB_CHUNK_BYTES, end - position) })
  let position = begin
  let next = readAt(position)
  try {
    for (;;) {
      throwIfAborted(signal)
      const chunk = await next
      if (chunk.byteLength === 0) return
      position += chunk.byteLength
      next = readAt(position)
      yield chunk
    }
  } finally {
    // The handle must not be closed under a read.
    await next.catch(() => undefined)
  }
}

function chunkMemory(reuse: boolean): () => Buffer {
  if (!reuse) return () => Buffer.allocUnsafeSlow(BLOB_CHUNK_BYTES)
  let [next, other] = [Buffer.allocUnsafeSlow(BLOB_CHUNK_BYTES), Buffer.allocUnsafeSlow(BLOB_CHUNK_BYTES)]
  return () => {
    ;[next, other] = [other, next]
    return next
  }
}

function readAhead(
  handle: FileHandle,
  memory: Buffer,
  range: { readonly position: number; readonly sizeBytes: number },
): Promise<Uint8Array> {
  const sizeBytes = Math.max(0, range.sizeBytes)
  const reading = handle.read(memory, 0, sizeBytes, range.position).then(({ bytesRead }) => memory.subarray(0, bytesRead))
  // Its failure is for whoever asks for the chunk, and is not unhandled before they do.
  reading.catch(() => undefined)
  return reading
}

/** Hashes a file's bytes into `hashes`. @returns how many there were. */
export async function hashFile(
  path: string,
  hashes: Iterable<Hash>,
  options: { readonly signal?: AbortSignal | undefined; readonly progress?: ((hashedBytes: number) => void) | undefined } = {},
): Promise<number> {
  const targets = [...hashes]
  let hashedBytes = 0
  for await (const chunk of readChunks(path, { signal: options.signal, reuseMemory: true })) {
    for (const hash of targets) hash.update(chunk)
    hashedBytes += chunk.byteLength
    options.progress?.(hashedBytes)
  }
  return hashedBytes
}
