import type { SomaError } from '@soma/core'

/** A call from the other side that is being answered. It is the `ctx` of the answer, too. */
export class IncomingCall {
  readonly id: number
  /** What its message took on the wire. */
  readonly sizeBytes: number
  /** Events that may be sent; -1 when none are wanted. */
  #credit: number
  #controller: AbortController | undefined
  #cancelled: SomaError | undefined
  #wake: (() => void) | undefined

  constructor(id: number, sizeBytes: number, credit: number) {
    this.id = id
    this.sizeBytes = sizeBytes
    this.#credit = credit
  }

  /** Made when first asked for: most answers never look, and a controller costs more than a small frame. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#cancelled) this.#controller.abort(this.#cancelled)
    return this.#controller.signal
  }

  get cancelled(): boolean {
    return this.#cancelled !== undefined
  }

  get wantsEvents(): boolean {
    return this.#credit >= 0
  }

  cancel(reason: SomaError): void {
    if (this.#cancelled) return
    this.#cancelled = reason
    this.#controller?.abort(reason)
    this.#wake?.()
  }

  /** @returns false when credit came for a call that asked for no events. */
  addCredit(events: number): boolean {
    if (!this.wantsEvents) return false
    this.#credit += events
    this.#wake?.()
    return true
  }

  /** Waits until an event may be sent, or nobody wants one any more. */
  async takeCredit(): Promise<void> {
    while (this.#credit === 0 && !this.cancelled) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
    this.#wake = undefined
    this.#credit -= 1
  }
}
