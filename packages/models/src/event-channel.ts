import { assert } from '@soma/core'

/**
 * Events from work that must not wait for whoever watches it. Of events with the same key only the latest is kept, so
 * a slow reader costs no more memory than there are keys, and sees the newest state when it comes.
 */
export class EventChannel<Event> implements AsyncIterable<Event> {
  readonly #keyOf: (event: Event) => string
  readonly #waiting = new Map<string, Event>()
  #wake: (() => void) | undefined
  #closed = false

  constructor(keyOf: (event: Event) => string) {
    this.#keyOf = keyOf
  }

  push(event: Event): void {
    if (this.#closed) return
    this.#waiting.set(this.#keyOf(event), event)
    this.#wake?.()
  }

  /** No event comes any more; those waiting are still read. */
  close(): void {
    this.#closed = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event, void, void> {
    assert(this.#wake === undefined, 'an event channel has one reader')
    for (;;) {
      for (const [key, event] of this.#waiting) {
        this.#waiting.delete(key)
        yield event
      }
      if (this.#waiting.size > 0) continue
      if (this.#closed) return
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
      this.#wake = undefined
    }
  }
}
