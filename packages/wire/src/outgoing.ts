import { SomaError, abortError } from '@soma/core'
import type { CallOptions, CallStream } from '@soma/spec'

/** A call to the other side, as the peer sees it. Each of `done` and `fail` ends it; what comes later is ignored. */
export interface OutgoingCall {
  /** @returns false when no event was due: the other side broke the protocol. */
  event(event: unknown): boolean
  done(output: unknown): void
  fail(error: SomaError): void
}

/** What a call needs of its peer. */
export interface OutgoingLink {
  /** Tells the other side and forgets the call. */
  cancel(): void
  credit(events: number): void
}

/** A call that gives one output. */
export class UnaryCall implements OutgoingCall {
  readonly #resolve: (output: unknown) => void
  readonly #reject: (error: SomaError) => void
  #unwatch: (() => void) | undefined

  constructor(resolve: (output: unknown) => void, reject: (error: SomaError) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Ends the call when the signal aborts. */
  watch(signal: AbortSignal, link: OutgoingLink): void {
    this.#unwatch = watchAbort(signal, this, link)
  }

  event(): boolean {
    return false
  }

  done(output: unknown): void {
    this.#unwatch?.()
    this.#resolve(output)
  }

  fail(error: SomaError): void {
    this.#unwatch?.()
    this.#reject(error)
  }
}

/** A call that gives events, then an output. Holds at most `window` events that nobody has read. */
export class StreamCall implements OutgoingCall, CallStream<unknown, unknown>, AsyncIterableIterator<unknown, void, void> {
  readonly #output = Promise.withResolvers<unknown>()
  readonly #window: number
  readonly #link: OutgoingLink
  readonly #unwatch: (() => void) | undefined
  readonly #unread: unknown[] = []
  readonly #readers: Array<PromiseWithResolvers<IteratorResult<unknown, void>>> = []
  /** Events read since the other side was last told. */
  #read = 0
  #ended = false
  #error: SomaError | undefined

  constructor(window: number, link: OutgoingLink, options?: CallOptions) {
    this.#window = window
    this.#link = link
    // Who only iterates gets the error there; it must not be an unhandled rejection here.
    this.#output.promise.catch(() => undefined)
    this.#unwatch = options?.signal && watchAbort(options.signal, this, link)
  }

  get output(): Promise<unknown> {
    return this.#output.promise
  }

  event(event: unknown): boolean {
    const reader = this.#readers.shift()
    if (reader) {
      this.#count()
      reader.resolve({ done: false, value: event })
    } else if (this.#unread.length < this.#window) this.#unread.push(event)
    else return false
    return true
  }

  done(output: unknown): void {
    if (!this.#end()) return
    this.#output.resolve(output)
    for (const reader of this.#readers.splice(0)) reader.resolve({ done: true, value: undefined })
  }

  fail(error: SomaError): void {
    if (!this.#end()) return
    this.#error = error
    this.#output.reject(error)
    for (const reader of this.#readers.splice(0)) reader.reject(this.#takeError())
  }

  next(): Promise<IteratorResult<unknown, void>> {
    if (this.#unread.length > 0) {
      this.#count()
      return Promise.resolve({ done: false, value: this.#unread.shift() })
    }
    if (this.#error) return Promise.reject(this.#takeError())
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    const reader = Promise.withResolvers<IteratorResult<unknown, void>>()
    this.#readers.push(reader)
    return reader.promise
  }

  /** Leaving the loop early cancels the call. */
  return(): Promise<IteratorResult<unknown, void>> {
    this.#unread.length = 0
    if (!this.#ended) {
      this.#link.cancel()
      this.fail(new SomaError('call/cancelled', 'the reader left the stream'))
    }
    this.#error = undefined
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** An iterator throws its error once and is done after that. */
  #takeError(): SomaError {
    const error = this.#error ?? new SomaError('call/cancelled', 'the stream has ended')
    this.#error = undefined
    return error
  }

  #end(): boolean {
    if (this.#ended) return false
    this.#ended = true
    this.#unwatch?.()
    return true
  }

  /** Credit goes back by half windows: few messages, and the sender never runs dry. */
  #count(): void {
    this.#read += 1
    if (this.#ended || this.#read * 2 < this.#window) return
    this.#link.credit(this.#read)
    this.#read = 0
  }
}

function watchAbort(signal: AbortSignal, call: OutgoingCall, link: OutgoingLink): () => void {
  const abort = (): void => {
    link.cancel()
    call.fail(abortError(signal))
  }
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}
