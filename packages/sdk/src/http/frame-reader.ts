import { SomaError } from '@soma/core'
import { FRAME_PREFIX_BYTES, type FrameHeader, attachBody, decodeFrameHeader, decodeFramePrefix } from '@soma/spec'

/** Reads frames, one by one as asked for, from the body of an answer. */
export class FrameReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #held: Uint8Array[] = []
  #heldBytes = 0

  constructor(body: ReadableStream<Uint8Array>) {
    this.#reader = body.getReader()
  }

  /** @returns the next message, undefined at the end. @throws {SomaError} `call/malformed` when it is cut off. */
  async next(): Promise<{ readonly message: unknown } | undefined> {
    const prefix = await this.#take(FRAME_PREFIX_BYTES)
    if (!prefix) return undefined
    const header: FrameHeader & { readonly bodyBytes: number } = decodeFrameHeader(await this.#need(decodeFramePrefix(prefix)))
    return { message: attachBody(header, await this.#need(header.bodyBytes)) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel().catch(() => undefined)
  }

  async #need(sizeBytes: number): Promise<Uint8Array> {
    const bytes = await this.#take(sizeBytes)
    if (!bytes) throw new SomaError('daemon/unreachable', 'the answer was cut off; the daemon may have stopped')
    return bytes
  }

  /** @returns exactly `sizeBytes` in a buffer of their own, undefined when the body ended before the first. */
  async #take(sizeBytes: number): Promise<Uint8Array | undefined> {
    while (this.#heldBytes < sizeBytes) {
      const { done, value } = await this.#reader.read()
      if (done) {
        if (this.#heldBytes === 0) return undefined
        throw new SomaError('daemon/unreachable', 'the answer was cut off; the daemon may have stopped')
      }
      this.#held.push(value)
      this.#heldBytes += value.byteLength
    }
    return this.#split(sizeBytes)
  }

  /** Copies the first bytes out, so that attachments begin at a multiple of 8; chunks are dropped as they are used up. */
  #split(sizeBytes: number): Uint8Array {
    const taken = new Uint8Array(sizeBytes)
    let offset = 0
    while (offset < sizeBytes) {
      const chunk = this.#held[0] ?? new Uint8Array(0)
      const part = chunk.subarray(0, sizeBytes - offset)
      taken.set(part, offset)
      offset += part.byteLength
      if (part.byteLength === chunk.byteLength) this.#held.shift()
      else this.#held[0] = chunk.subarray(part.byteLength)
    }
    this.#heldBytes -= sizeBytes
    return taken
  }
}
