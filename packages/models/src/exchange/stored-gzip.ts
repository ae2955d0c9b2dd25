import { crc32 } from 'node:zlib'

/** Bytes of one stored block: the most that its 16-bit length can say. */
const BLOCK_BYTES = 65_535
/** Blocks handed on at once: 1 MiB. */
const BATCH_BLOCKS = 16
const BLOCK_HEADER_BYTES = 5
/** Magic, method deflate, no flags, no time, no level, unknown system: nothing in it depends on where and when it was made. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff)

/**
 * A gzip stream that stores instead of compressing. Weights hardly compress (7 % of float32, nothing of quantised ones), and
 * what a compressor writes differs between its versions and processors: stored, equal packages are equal archives everywhere, at the
 * speed of the disk. A chunk is good until the next one is asked for: its memory is used again.
 * @see RFC 1951, 3.2.4 and RFC 1952
 */
export async function* storedGzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  yield HEADER
  const blocks = new BlockWriter()
  let [checksum, sizeBytes] = [0, 0]
  for await (const chunk of source) {
    checksum = crc32(chunk, checksum)
    sizeBytes += chunk.byteLength
    yield* blocks.add(chunk)
  }
  yield blocks.end()
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(checksum, 0)
  trailer.writeUInt32LE(sizeBytes % 2 ** 32, 4)
  yield trailer
}

/** Cuts bytes into blocks at fixed places, however they come. */
class BlockWriter {
  readonly #batch = Buffer.allocUnsafeSlow(BATCH_BLOCKS * (BLOCK_HEADER_BYTES + BLOCK_BYTES))
  /** Where the open block begins, and how many bytes it has. */
  #start = 0
  #filled = 0

  /** The last block, which may be empty, after those that were not handed on yet. */
  end(): Uint8Array {
    this.#close(true)
    return this.#batch.subarray(0, this.#start)
  }

  *add(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    for (let at = 0; at < chunk.byteLength;) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - this.#filled)
      this.#batch.set(part, this.#start + BLOCK_HEADER_BYTES + this.#filled)
      this.#filled += part.byteLength
      at += part.byteLength
      if (this.#filled < BLOCK_BYTES) continue
      this.#close(false)
      if (this.#start < this.#batch.byteLength) continue
      yield this.#batch
      this.#start = 0
    }
  }

  #close(last: boolean): void {
    this.#batch[this.#start] = last ? 1 : 0
    this.#batch.writeUInt16LE(this.#filled, this.#start + 1)
    this.#batch.writeUInt16LE(~this.#filled & 0xffff, this.#start + 3)
    this.#start += BLOCK_HEADER_BYTES + this.#filled
    this.#filled = 0
  }
}
