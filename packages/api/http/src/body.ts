import type { IncomingMessage } from 'node:http'
import { SomaError } from '@soma/core'

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

  /** @throws {SomaError} `resource/exhausted` */
  take(sizeBytes: number): void {
    if (this.#usedBytes + sizeBytes > this.#sizeBytesMax)
      throw new SomaError('resource/exhausted', `request bodies already take ${this.#usedBytes} bytes of memory; try again later`, {
        details: { sizeBytesMax: this.#sizeBytesMax },
      })
    this.#usedBytes += sizeBytes
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
   * @throws {SomaError} `call/too-large` as soon as that is known, `resource/exhausted` when all bodies together are,
   *   `call/cancelled` when the client leaves before its end.
   */
  read(): Promise<Uint8Array> {
    const announced = Number(this.#request.headers['content-length'] ?? 0)
    if (announced > this.#sizeBytesMax) throw this.#tooLarge(announced)
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    const parts: Buffer[] = []
    this.#request.on('data', (part: Buffer) => {
      try {
        this.#take(part.byteLength)
        parts.push(part)
      } catch (error) {
        this.#request.removeAllListeners('data').pause()
        reject(error)
      }
    })
    this.#request.on('end', () => resolve(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)))
    this.#request.on('close', () => reject(new SomaError('call/cancelled', 'the client went away while sending its request')))
    return promise
  }

  release(): void {
    this.#budget.give(this.#takenBytes)
    this.#takenBytes = 0
  }

  #take(sizeBytes: number): void {
    if (this.#takenBytes + sizeBytes > this.#sizeBytesMax) throw this.#tooLarge(this.#takenBytes + sizeBytes)
    this.#budget.take(sizeBytes)
    this.#takenBytes += sizeBytes
  }

  #tooLarge(sizeBytes: number): SomaError {
    const sizeBytesMax = this.#sizeBytesMax
    return new SomaError('call/too-large', `the request body is over the limit of ${sizeBytesMax} bytes (http.bodyBytesMax)`, {
      details: { sizeBytes, sizeBytesMax },
    })
  }
}
