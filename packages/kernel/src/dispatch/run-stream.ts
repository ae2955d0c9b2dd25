import { SomaError } from '@soma/core'
import type { CallStream } from '@soma/spec'
import type { Run } from './run.ts'

/**
 * A handler's generator as its caller reads it. Leaving the loop early cancels the call; so does an abort before the
 * first read, because nobody may ever come to read.
 */
export class RunStream implements CallStream<unknown, unknown> {
  readonly output: Promise<unknown>
  readonly #run: Run
  readonly #generator: AsyncGenerator<unknown, unknown, void>
  readonly #finish: () => Promise<void>
  readonly #settle: PromiseWithResolvers<unknown>
  #state: 'unread' | 'reading' | 'over' = 'unread'

  constructor(run: Run, generator: AsyncGenerator<unknown, unknown, void>, finish: () => Promise<void>) {
    this.#run = run
    this.#generator = generator
    this.#finish = finish
    this.#settle = Promise.withResolvers()
    this.output = this.#settle.promise
    // Whoever only iterates gets the error there; the output alone must not bring the process down.
    this.output.catch(() => undefined)
    run.signal.addEventListener('abort', this.#abortUnread, { once: true })
    if (run.signal.aborted) this.#abortUnread()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, void> {
    if (this.#state !== 'unread') throw new SomaError('internal', 'broken invariant: a stream is read once')
    this.#state = 'reading'
    let finished = false
    try {
      for (let next = await this.#next(); !next.done; next = await this.#next()) yield next.value
      finished = true
    } finally {
      if (!finished) await this.#abandon()
    }
    const error = await this.#end()
    if (error !== undefined) throw error
  }

  /** The next event; at the end, or at a failure, the run has its output or its error. */
  async #next(): Promise<IteratorResult<unknown, unknown>> {
    try {
      const next = await this.#generator.next()
      if (next.done) this.#run.output = next.value
      return next
    } catch (thrown) {
      this.#run.error = this.#run.failure(thrown)
      return { done: true, value: undefined }
    }
  }

  async #abandon(): Promise<void> {
    this.#run.abort(new SomaError('call/cancelled', 'the caller stopped reading'))
    await this.#generator.return(undefined).catch(() => undefined)
    this.#run.error = this.#run.failure(this.#run.signal.reason)
    await this.#end()
  }

  readonly #abortUnread = (): void => {
    if (this.#state !== 'unread') return
    this.#state = 'over'
    void this.#abandon()
  }

  /** Carries out the call's last steps. @returns the error the call ended with. */
  async #end(): Promise<unknown> {
    this.#state = 'over'
    this.#run.signal.removeEventListener('abort', this.#abortUnread)
    try {
      await this.#finish()
      this.#settle.resolve(this.#run.output)
      return undefined
    } catch (error) {
      this.#settle.reject(error)
      return error
    }
  }
}
