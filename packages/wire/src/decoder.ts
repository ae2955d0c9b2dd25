import { SomaError } from '@soma/core'
import { FRAME_PREFIX_BYTES, type FrameHeader, attachBody, decodeFrameHeader, decodeFramePrefix } from '@soma/spec'
import { BODY_UPFRONT_BYTES, HEADER_UPFRONT_BYTES } from './limits.ts'

/** What a reader takes, in bytes; never more than the frame format's own limits. */
export interface FrameLimits {
  readonly headerBytes: number
  readonly bodyBytes: number
}

type Part = 'prefix' | 'header' | 'body'
const upfrontBytes: Readonly<Record<Part, number>> = {
  prefix: FRAME_PREFIX_BYTES,
  header: HEADER_UPFRONT_BYTES,
  body: BODY_UPFRONT_BYTES,
}
const nothing: Uint8Array = new Uint8Array(0)

/**
 * Turns chunks of a byte stream into messages. Holds at most one frame: every byte is copied at most once (a body over
 * `BODY_UPFRONT_BYTES` twice on average), and prefixes and headers that lie whole in a chunk are not copied at all.
 */
export class FrameDecoder {
  readonly #limits: FrameLimits
  readonly #deliver: (message: unknown, sizeBytes: number) => void
  readonly #scrubs: () => boolean
  #part: Part = 'prefix'
  #sizeBytes = FRAME_PREFIX_BYTES
  #held = nothing
  #heldBytes = 0
  #header: FrameHeader | undefined
  #headerBytes = 0

  /** @param scrubs whether copies of bytes that are used up are overwritten. */
  constructor(limits: FrameLimits, deliver: (message: unknown, sizeBytes: number) => void, scrubs: () => boolean = () => false) {
    this.#limits = limits
    this.#deliver = deliver
    this.#scrubs = scrubs
  }

  /** True between frames: where a stream may end. */
  get atBoundary(): boolean {
    return this.#part === 'prefix' && this.#heldBytes === 0
  }

  /** Bytes kept of a part that is not whole yet. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /**
   * Reads on; delivers every message that becomes whole.
   * @throws {SomaError} `call/malformed`, `call/too-large` or `resource/exhausted`; the decoder is of no use after that.
   */
  push(chunk: Uint8Array): void {
    let offset = 0
    while (offset < chunk.byteLength) {
      const end = Math.min(offset + this.#sizeBytes - this.#heldBytes, chunk.byteLength)
      this.#take(chunk.subarray(offset, end))
      offset = end
    }
  }

  #take(bytes: Uint8Array): void {
    // A body is always copied: its attachments outlive the chunk, and must start at a multiple of 8.
    if (this.#part !== 'body' && bytes.byteLength === this.#sizeBytes) return this.#finish(bytes)
    this.#hold(bytes)
    if (this.#heldBytes < this.#sizeBytes) return
    const whole = this.#held.byteLength === this.#sizeBytes ? this.#held : this.#held.subarray(0, this.#sizeBytes)
    const isHeader = this.#part === 'header'
    this.#held = nothing
    this.#heldBytes = 0
    this.#finish(whole)
    // A body belongs to whom the message is for.
    if (isHeader && this.#scrubs()) whole.fill(0)
  }

  #hold(bytes: Uint8Array): void {
    const needed = this.#heldBytes + bytes.byteLength
    if (needed > this.#held.byteLength) {
      const wanted = Math.max(needed, 2 * this.#held.byteLength, upfrontBytes[this.#part])
      const grown = allocate(Math.min(this.#sizeBytes, wanted))
      grown.set(this.#held.subarray(0, this.#heldBytes))
      if (this.#scrubs()) this.#held.fill(0)
      this.#held = grown
    }
    this.#held.set(bytes, this.#heldBytes)
    this.#heldBytes = needed
  }

  #finish(bytes: Uint8Array): void {
    if (this.#part === 'prefix') this.#expect('header', this.#checkedSize('header', decodeFramePrefix(bytes)))
    else if (this.#part === 'header') this.#finishHeader(bytes)
    else this.#finishMessage(bytes)
  }

  #finishHeader(bytes: Uint8Array): void {
    const header = decodeFrameHeader(bytes)
    this.#header = header
    this.#headerBytes = bytes.byteLength
    if (header.bodyBytes === 0) this.#finishMessage(nothing)
    else this.#expect('body', this.#checkedSize('body', header.bodyBytes))
  }

  #finishMessage(body: Uint8Array): void {
    const header = this.#header as FrameHeader
    this.#header = undefined
    this.#expect('prefix', FRAME_PREFIX_BYTES)
    this.#deliver(attachBody(header, body), this.#headerBytes + body.byteLength)
  }

  #expect(part: Part, sizeBytes: number): void {
    this.#part = part
    this.#sizeBytes = sizeBytes
  }

  #checkedSize(part: 'header' | 'body', sizeBytes: number): number {
    const sizeBytesMax = part === 'header' ? this.#limits.headerBytes : this.#limits.bodyBytes
    if (sizeBytes === 0) throw new SomaError('call/malformed', `not a frame: its ${part} is empty`)
    if (sizeBytes <= sizeBytesMax) return sizeBytes
    throw new SomaError('call/too-large', `a frame's ${part} of ${sizeBytes} bytes is over the limit of ${sizeBytesMax}`, {
      details: { part, sizeBytes, sizeBytesMax },
    })
  }
}

/**
 * Not zeroed, because every byte is written before anyone reads it; not pooled, so that it starts at offset 0; and no
 * `Buffer`, whose `slice` does not copy and would surprise whoever gets a tensor.
 */
function allocate(sizeBytes: number): Uint8Array {
  try {
    return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer)
  } catch (cause) {
    throw new SomaError('resource/exhausted', `no memory for a frame of ${sizeBytes} bytes`, { cause })
  }
}
