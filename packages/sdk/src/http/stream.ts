import { SomaError } from '@soma/core'
import type { CallStream } from '@soma/spec'
import { FrameReader } from './frame-reader.ts'

export interface HttpStreamOptions {
  /** Aborted when the reader leaves the loop. */
  readonly left: AbortController
  readonly failure: (error: unknown) => SomaError
}

type Part = { readonly event?: unknown; readonly output?: unknown; readonly error?: Parameters<typeof SomaError.fromProblem>[0] }

/** A streaming answer. Frames are read only as the loop asks for them, so that a slow reader slows the call. */
export class HttpStream implements CallStream<unknown, unknown> {
  readonly #response: Promise<Response>
  readonly #options: HttpStreamOptions
  readonly #output = Promise.withResolvers<unknown>()

  constructor(response: Promise<Response>, options: HttpStreamOptions) {
    this.#response = response
    this.#options = options
    // Who only iterates gets the error there; it must not be an unhandled rejection here.
    this.#output.promise.catch(() => undefined)
    response.catch((error: unknown) => this.#output.reject(error))
  }

  get output(): Promise<unknown> {
    return this.#output.promise
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, void> {
    try {
      const { body } = await this.#response
      if (!body) throw new SomaError('daemon/unreachable', 'the answer has no body')
      await using frames = new FrameReader(body)
      for (let part = await this.#next(frames); part; part = await this.#next(frames)) if ('event' in part) yield part.event
    } catch (error) {
      const failure = this.#options.failure(error)
      this.#output.reject(failure)
      throw failure
    } finally {
      // Nothing of this happens after the output: only when the loop was left before.
      const left = new SomaError('call/cancelled', 'the reader left the stream')
      this.#output.reject(left)
      this.#options.left.abort(left)
    }
  }

  /** @returns the next part, undefined after the output. */
  async #next(frames: FrameReader): Promise<Part | undefined> {
    const frame = await frames.next()
    if (!frame) throw new SomaError('daemon/unreachable', 'the answer was cut off; the daemon may have stopped')
    const part = frame.message as Part
    if (part.error) throw SomaError.fromProblem(part.error)
    if (!('output' in part)) return part
    this.#output.resolve(part.output)
    return undefined
  }
}
