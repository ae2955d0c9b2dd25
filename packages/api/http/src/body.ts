import type { IncomingMessage } from 'node:http'
import { SomaError } from '@soma/core'
import { FRAME_CONTENT_TYPE } from '@soma/spec'
import { JSON_BYTES_MAX, SMALL_PIECES_MAX, SMALL_PIECE_BYTES } from './limits.ts'

/** Counts the request bodies in memory, so that many clients with allowed sizes cannot fill it together. */
export class BodyBudget {
  readonly #sizeBytesMax: number
  #usedBytes = 0

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** @returns why not, when there is no room. */
  take(sizeBytes: number): SomaError | undefined {
    if (this.#usedBytes + sizeBytes > this.#sizeBytesMax)
      return new SomaError('resource/exhausted', `request bodies already take ${this.#usedBytes} bytes of memory; try again later`, {
        details: { sizeBytesMax: this.#sizeBytesMax },
      })
    this.#usedBytes += sizeBytes
    return undefined
  }

  give(sizeBytes: number): void {
    this.#usedBytes -= sizeBytes
  }
}

/** A body being read; `release` when the call that uses it is over. */
export class RequestBody {
  readonly #request: IncomingMessage
  readonly #budget: BodyBudget
  readonly #sizeBytesMax: number
  #takenBytes = 0

  constructor(request: IncomingMessage, budget: BodyBudget, sizeBytesMax: number) {
    this.#request = request
    this.#budget = budget
    this.#sizeBytesMax = sizeBytesMax
  }

  /** Whether the client announced a body at all. */
  static announced({ headers }: IncomingMessage): boolean {
    return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
  }

  /**
   * Reads it to its end. A length that is announced as too large throws at once, before anything is read.
   * @throws {SomaError} `call/too-large` as soon as that is known, `resource/exhausted` when all bodies together are,
   *   `call/cancelled` when the client leaves before its end.
   */
  read(): Promise<Uint8Array> {
    const announced = Number(this.#request.headers['content-length'] ?? 0)
    if (announced > this.#sizeBytesMax) throw this.#tooLarge(announced)
    return new Promise((resolve, reject) => {
      const pieces = new Pieces()
      const request = this.#request
      request.on('data', (part: Buffer) => {
        const refusal = this.#take(part.byteLength)
        if (refusal) reject(refusal)
        else pieces.add(part)
        // What still comes is dropped by whoever sends the refusal.
        if (refusal) request.removeAllListeners('data').pause()
      })
      // Taken out of the pieces: the request, which lives as long as its call, must not hold them.
      request.on('end', () => resolve(pieces.take()))
      request.on('close', () => {
        // Errors are costly to make, and every request closes.
        if (!request.readableEnded) reject(new SomaError('call/cancelled', 'the client went away while sending its request'))
      })
    })
  }

  release(): void {
    this.#budget.give(this.#takenBytes)
    this.#takenBytes = 0
  }

  #take(sizeBytes: number): SomaError | undefined {
    if (this.#takenBytes + sizeBytes > this.#sizeBytesMax) return this.#tooLarge(this.#takenBytes + sizeBytes)
    const refusal = this.#budget.take(sizeBytes)
    if (!refusal) this.#takenBytes += sizeBytes
    return refusal
  }

  #tooLarge(sizeBytes: number): SomaError {
    const sizeBytesMax = this.#sizeBytesMax
    const hint = sizeBytesMax === JSON_BYTES_MAX ? `for JSON; send tensors as ${FRAME_CONTENT_TYPE}` : '(http.bodyBytesMax)'
    return new SomaError('call/too-large', `the request body is over the limit of ${sizeBytesMax} bytes ${hint}`, {
      details: { sizeBytes, sizeBytesMax },
    })
  }
}

/** The pieces of a body in the order in which they come, the small ones put together from time to time. */
class Pieces {
  #parts: Buffer[] = []
  #small: Buffer[] = []

  add(part: Buffer): void {
    if (part.byteLength < SMALL_PIECE_BYTES && this.#small.push(part) < SMALL_PIECES_MAX) return
    this.#join()
    if (part.byteLength >= SMALL_PIECE_BYTES) this.#parts.push(part)
  }

  take(): Buffer {
    this.#join()
    const parts = this.#parts
    this.#parts = []
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)
  }

  #join(): void {
    if (this.#small.length === 0) return
    this.#parts.push(this.#small.length === 1 && this.#small[0] ? this.#small[0] : Buffer.concat(this.#small))
    this.#small = []
  }
}
