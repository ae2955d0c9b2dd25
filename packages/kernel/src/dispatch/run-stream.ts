import { SomaError, abortError } from '@soma/core'
import type { CallStream } from '@soma/spec'
import { isExpired } from '../capabilities/entry.ts'
import type { Run } from './run.ts'

export interface RunStreamDeps {
  readonly now: () => number
  /** Carries out the call's last steps. @throws the error that the call ended with. */
  readonly finish: () => Promise<void>
}

/**
 * A handler's generator as its caller reads it. Leaving the loop early cancels the call; so does an abort between two
 * reads, because nobody may ever come for the next. Once the call is aborted or its capability has expired, nothing
 * more is handed out, whatever the handler does.
 */
export class RunStream implements CallStream<unknown, unknown>, AsyncIterator<unknown, void> {
  readonly output: Promise<unknown>
  readonly #run: Run
  readonly #generator: AsyncGenerator<unknown, unknown, void>
  readonly #deps: RunStreamDeps
  readonly #settle: PromiseWithResolvers<unknown>
  #state: 'idle' | 'reading' | 'over' = 'idle'
  #ended: Promise<unknown> | undefined
  /** Whether the reader knows how it ended. */
  #told = false

  constructor(run: Run, generator: AsyncGenerator<unknown, unknown, void>, deps: RunStreamDeps) {
    this.#run = run
    this.#generator = generator
    this.#deps = deps
    this.#settle = Promise.withResolvers()
    this.output = this.#settle.promise
    // Whoever only iterates gets the error there; the output alone must not bring the process down.
    this.output.catch(() => undefined)
    run.signal.addEventListener('abort', this.#abortIdle, { once: true })
    if (run.signal.aborted) this.#abortIdle()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<unknown, void>> {
    if (this.#told) return over
    if (this.#state !== 'over') {
      this.#state = 'reading'
      const next = await this.#advance()
      if (!next.done) {
        this.#state = 'idle'
        return next
      }
    }
    this.#told = true
    const error = await this.#end()
    if (error !== undefined) throw error
    return over
  }

  async return(): Promise<IteratorResult<unknown, void>> {
    this.#told = true
    await this.#abandon(new SomaError('call/cancelled', 'the caller stopped reading'))
    return over
  }

  /** The next event; at the end, or at a failure, the run has its output or its error. */
  async #advance(): Promise<IteratorResult<unknown, unknown>> {
    try {
      const next = await this.#generator.next()
      this.#checkInForce()
      if (next.done) this.#run.output = next.value
      return next
    } catch (thrown) {
      this.#run.error ??= this.#run.failure(thrown)
      await this.#generator.return(undefined).catch(() => undefined)
      return { done: true, value: undefined }
    }
  }

  /** @throws {SomaError} why the call may not go on. */
  #checkInForce(): void {
    const now = this.#deps.now()
    if (this.#run.capabilities.some((entry) => isExpired(entry, now)))
      this.#run.abort(new SomaError('capability/denied', 'the capability for this call expired while it ran'))
    if (this.#run.isAborted) throw abortError(this.#run.signal)
  }

  async #abandon(reason: SomaError): Promise<void> {
    await (this.#ended ??= this.#giveUp(reason))
  }

  async #giveUp(reason: SomaError): Promise<unknown> {
    this.#state = 'over'
    this.#run.abort(reason)
    this.#run.error ??= abortError(this.#run.signal)
    await this.#generator.return(undefined).catch(() => undefined)
    return await this.#finish()
  }

  readonly #abortIdle = (): void => {
    if (this.#state === 'idle') void this.#abandon(abortError(this.#run.signal))
  }

  /** Carries out the last steps, once. @returns the error the call ended with. */
  async #end(): Promise<unknown> {
    return await (this.#ended ??= this.#finish())
  }

  async #finish(): Promise<unknown> {
    this.#state = 'over'
    this.#run.signal.removeEventListener('abort', this.#abortIdle)
    try {
      await this.#deps.finish()
      this.#settle.resolve(this.#run.output)
      return undefined
    } catch (error) {
      this.#settle.reject(error)
      return error
    }
  }
}

const over: IteratorReturnResult<void> = { done: true, value: undefined }
