/**
 * Gives the memory of a chunk back now instead of at some later garbage collection; the chunk is empty afterwards. Only for the
 * last user of a chunk that came from a stream. Chunks that share their memory with others are left alone.
 */
export function releaseBytes(chunk: Uint8Array): void {
  const { buffer } = chunk
  const sole = chunk.byteOffset === 0 && chunk.byteLength === buffer.byteLength
  if (sole && chunk.byteLength > 0 && buffer instanceof ArrayBuffer) buffer.transfer(0)
}
