import { SomaError, abortError, isSomaError, toSomaError } from '@soma/core'
import type { CallOptions, CallStream } from '@soma/spec'
import type { Channel } from './channel.ts'
import { IncomingCall } from './incoming.ts'
import { REFUSALS_PENDING_MAX } from './limits.ts'
import { overwriteBytes } from './overwrite.ts'
import { type Message, errorOf, isCallNumber, isCredit, isMethod, problemOf, sendable } from './message.ts'
import { type OutgoingCall, type OutgoingLink, StreamCall, UnaryCall } from './outgoing.ts'
import type { Peer, PeerOptions } from './peer.ts'

/** Starts one end of a connection. Disposing it takes no new calls, waits for those under way, then closes. */
export function createPeer(channel: Channel, options: PeerOptions): Peer {
  return new WirePeer(channel, options)
}

/** The rest of a call's message. */
interface Asked {
  readonly input: unknown
  readonly more: unknown
  readonly sizeBytes: number
}

class WirePeer implements Peer {
  readonly #channel: Channel
  readonly #options: PeerOptions
  readonly #asked = new Map<number, OutgoingCall>()
  readonly #answering = new Map<number, IncomingCall>()
  readonly #closed = Promise.withResolvers<SomaError | undefined>()
  #lastId = 0
  #refusalsPending = 0
  #closing = false
  #over = false
  #lost: SomaError | undefined

  constructor(channel: Channel, options: PeerOptions) {
    this.#channel = channel
    this.#options = options
    channel.receive({ message: (message, sizeBytes) => this.#receive(message, sizeBytes), closed: (reason) => this.#cutOff(reason) })
  }

  get closed(): Promise<SomaError | undefined> {
    return this.#closed.promise
  }

  get active(): number {
    return this.#asked.size + this.#answering.size
  }

  call(method: string, input: unknown, options?: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(options)
      if (refusal) return reject(refusal)
      const id = ++this.#lastId
      const call = new UnaryCall(resolve, reject)
      if (options?.signal) call.watch(options.signal, this.#link(id))
      this.#start(call, { id, method, input: sendable(input) })
    })
  }

  stream(method: string, input: unknown, options?: CallOptions): CallStream<unknown, unknown> {
    const id = ++this.#lastId
    const call = new StreamCall(this.#options.streamWindow, this.#link(id), options)
    const refusal = this.#refusal(options)
    if (refusal) call.fail(refusal)
    else this.#start(call, { id, method, input: sendable(input), more: this.#options.streamWindow })
    return call
  }

  cancelAll(reason: SomaError): void {
    for (const [id, call] of this.#asked) {
      this.#link(id).cancel()
      call.fail(reason)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    this.#endWhenIdle()
    await this.closed
  }

  #start(call: OutgoingCall, message: Message & { readonly id: number }): void {
    try {
      void this.#channel.send(message)
      this.#asked.set(message.id, call)
    } catch (error) {
      call.fail(toSomaError(error))
    }
  }

  /** Why a call cannot begin. */
  #refusal(options: CallOptions | undefined): SomaError | undefined {
    if (options?.signal?.aborted) return abortError(options.signal)
    if (this.#over) return this.#lostError(undefined)
    return this.#closing ? new SomaError('resource/exhausted', 'the connection is closing and takes no new calls') : undefined
  }

  #link(id: number): OutgoingLink {
    return {
      cancel: () => {
        if (!this.#asked.delete(id)) return
        void this.#channel.send({ cancel: id } satisfies Message)
        this.#endWhenIdle()
      },
      credit: (events) => void this.#channel.send({ id, more: events } satisfies Message),
    }
  }

  #receive(message: unknown, sizeBytes: number): void {
    if (typeof message !== 'object' || message === null) return this.#violation('a message is not an object')
    const { id, method, output, event, more, error, cancel, input } = message as Record<string, unknown>
    if (id === undefined && cancel !== undefined) this.#answering.get(cancel as number)?.cancel(cancelled())
    else if (id === undefined && error !== undefined) this.#close(errorOf(error))
    else if (!isCallNumber(id)) this.#violation('a message has no call number')
    else if (method !== undefined) this.#answer(id, method, { input, more, sizeBytes })
    else if (output !== undefined) this.#finish(id)?.done(output)
    else if (error !== undefined) this.#finish(id)?.fail(errorOf(error))
    else if (event !== undefined) this.#event(id, event)
    else if (isCredit(more)) this.#credit(id, more)
    else this.#violation('a message says nothing')
  }

  #event(id: number, event: unknown): void {
    // An unknown number is a call that was cancelled while the event was on its way.
    if (this.#asked.get(id)?.event(event) === false) this.#violation(`call ${id} got an event that it did not ask for`)
  }

  #credit(id: number, more: number): void {
    if (this.#answering.get(id)?.addCredit(more) === false) this.#violation(`call ${id} is no stream`)
  }

  #finish(id: number): OutgoingCall | undefined {
    const call = this.#asked.get(id)
    this.#asked.delete(id)
    if (this.#closing) this.#endWhenIdle()
    return call
  }

  #answer(id: number, method: unknown, { input, more, sizeBytes }: Asked): void {
    if (!isMethod(method) || (more !== undefined && !isCredit(more))) return this.#violation('a call is malformed')
    if (this.#answering.has(id)) return this.#violation(`call ${id} was made twice`)
    const refusal = this.#answerRefusal(method)
    if (refusal) return this.#refuse(id, refusal)
    const call = new IncomingCall(id, sizeBytes, more ?? -1)
    this.#answering.set(id, call)
    this.#run(call, method, input)
  }

  #answerRefusal(method: string): SomaError | undefined {
    const { answer, concurrencyMax } = this.#options
    if (!answer) return new SomaError('call/unknown', `this end answers no calls, and got "${method}"`)
    if (this.#closing) return new SomaError('resource/exhausted', 'the connection is closing and takes no new calls')
    if (this.#answering.size < concurrencyMax) return undefined
    return new SomaError('resource/exhausted', `${concurrencyMax} calls of this connection are under way; wait for one to end`, {
      details: { concurrencyMax },
    })
  }

  /** A refusal holds no slot, so that what waits to be written is counted: else a client that never reads would fill memory. */
  #refuse(id: number, refusal: SomaError): void {
    if (this.#refusalsPending >= REFUSALS_PENDING_MAX) return this.#violation('the other side sends calls and reads no answers')
    this.#refusalsPending += 1
    void this.#channel.send({ id, error: refusal.toProblem() } satisfies Message).then(() => (this.#refusalsPending -= 1))
  }

  #run(call: IncomingCall, method: string, input: unknown): void {
    let answer: ReturnType<NonNullable<PeerOptions['answer']>> | undefined
    try {
      answer = this.#options.answer?.(method, input, call)
    } catch (error) {
      return this.#reply(call, { id: call.id, error: problemOf(error) }, [input])
    }
    const output = answer && Symbol.asyncIterator in answer ? this.#stream(call, answer) : Promise.resolve(answer)
    void output.then(
      (value) => this.#reply(call, { id: call.id, output: sendable(value) }, [input, value]),
      (error: unknown) => this.#reply(call, { id: call.id, error: problemOf(error) }, [input]),
    )
  }

  async #stream(call: IncomingCall, events: AsyncGenerator<unknown, unknown, void>): Promise<unknown> {
    try {
      for (;;) {
        if (call.wantsEvents) await call.takeCredit()
        if (call.cancelled) return undefined
        const step = await events.next()
        if (step.done) return step.value
        const event: Message = { id: call.id, event: sendable(step.value) }
        if (call.wantsEvents && !call.cancelled) await this.#channel.send(event, this.#scrubbing(step.value))
      }
    } finally {
      // Ends the generator's own `try … finally`; after the last step it does nothing.
      await events.return(undefined)
    }
  }

  /** @param spent what nobody needs once the message is written. */
  #reply(call: IncomingCall, message: Message, spent: readonly unknown[]): void {
    const scrub = this.#scrubbing(spent)
    let written: Promise<void> | undefined
    try {
      if (call.cancelled) scrub?.()
      else written = this.#channel.send(message, scrub)
    } catch (error) {
      written = this.#channel.send({ id: call.id, error: problemOf(error) } satisfies Message, scrub)
    }
    // The slot is held until the answer is on its way: that bounds what a client which never reads can pile up.
    if (written) void written.then(() => this.#release(call))
    else this.#release(call)
  }

  #scrubbing(spent: unknown): (() => void) | undefined {
    return this.#options.scrubs?.() ? () => overwriteBytes(spent) : undefined
  }

  #release(call: IncomingCall): void {
    this.#answering.delete(call.id)
    if (this.#closing) this.#endWhenIdle()
  }

  #endWhenIdle(): void {
    if (this.#closing && this.active === 0 && !this.#over) this.#channel.end()
  }

  #violation(why: string): void {
    this.#cutOff(new SomaError('call/malformed', `the connection broke its protocol: ${why}`))
  }

  /** When the other side is at fault, which is when the reason is a typed error, it should learn why it is cut off. */
  #cutOff(reason: unknown): void {
    if (isSomaError(reason) && !this.#over) void this.#channel.send({ error: reason.toProblem() } satisfies Message)
    this.#close(reason)
  }

  /** The end, for whatever reason. Orderly when the stream ended between frames with nothing under way, or we ended it. */
  #close(reason: unknown): void {
    if (this.#over) return
    this.#over = true
    const orderly = this.active === 0 && (reason === undefined || (this.#closing && !isSomaError(reason)))
    this.#channel.destroy()
    if (!orderly) this.#abandon(this.#lostError(reason))
    this.#closed.resolve(orderly ? undefined : this.#lost)
  }

  #abandon(lost: SomaError): void {
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const call of asked) call.fail(lost)
    for (const call of this.#answering.values()) call.cancel(cancelled('the caller went away'))
  }

  #lostError(reason: unknown): SomaError {
    this.#lost ??= this.#options.lost(reason)
    return this.#lost
  }
}

function cancelled(why = 'the caller cancelled the call'): SomaError {
  return new SomaError('call/cancelled', why)
}
