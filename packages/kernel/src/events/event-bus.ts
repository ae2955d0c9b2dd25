import { SomaError } from '@soma/core'
import type { SomaEvent } from '@soma/spec'
import { SUBSCRIBERS_MAX, SUBSCRIBER_QUEUE_MAX } from '../limits.ts'

/** What a subscriber receives: items in order, and how many it was too slow for. */
export type Delivery<T> = { readonly kind: 'item'; readonly item: T } | { readonly kind: 'missed'; readonly count: number }

/** A bounded broadcast: a slow subscriber loses items and is told so; it never slows the others or grows memory. */
export class Broadcast<T> {
  readonly #subscribers = new Set<Subscriber<T>>()

  publish(item: T): void {
    for (const subscriber of this.#subscribers) subscriber.offer(item)
  }

  /**
   * Receives from now on, until the signal aborts or the loop is left.
   * @throws {SomaError} `resource/exhausted` when there are too many subscribers.
   */
  subscribe(signal: AbortSignal): AsyncIterableIterator<Delivery<T>> & Disposable {
    if (this.#subscribers.size >= SUBSCRIBERS_MAX)
      throw new SomaError('resource/exhausted', `${SUBSCRIBERS_MAX} subscribers are connected already`)
    const subscriber = new Subscriber<T>(signal, () => this.#subscribers.delete(subscriber))
    this.#subscribers.add(subscriber)
    if (signal.aborted) subscriber[Symbol.dispose]()
    return subscriber
  }

  get subscribers(): number {
    return this.#subscribers.size
  }
}

class Subscriber<T> implements AsyncIterableIterator<Delivery<T>>, Disposable {
  readonly #queue: T[] = []
  #missed = 0
  #wake: (() => void) | undefined
  #done = false
  readonly #signal: AbortSignal
  readonly #leave: () => void

  constructor(signal: AbortSignal, leave: () => void) {
    this.#signal = signal
    this.#leave = leave
    signal.addEventListener('abort', this.#stop, { once: true })
  }

  readonly #stop = (): void => this[Symbol.dispose]()

  offer(item: T): void {
    if (this.#queue.length >= SUBSCRIBER_QUEUE_MAX) this.#missed++
    else this.#queue.push(item)
    this.#wake?.()
  }

  async next(): Promise<IteratorResult<Delivery<T>>> {
    while (!this.#done && this.#queue.length === 0 && this.#missed === 0) await new Promise<void>((resolve) => (this.#wake = resolve))
    if (this.#done) return { done: true, value: undefined }
    const item = this.#queue.shift()
    if (item !== undefined) return { done: false, value: { kind: 'item', item } }
    const count = this.#missed
    this.#missed = 0
    return { done: false, value: { kind: 'missed', count } }
  }

  return(): Promise<IteratorResult<Delivery<T>>> {
    this.#stop()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.#done = true
    this.#signal.removeEventListener('abort', this.#stop)
    this.#leave()
    this.#wake?.()
  }
}

/** Whether an event's name is wanted: exact names, or prefixes that end in `*`. */
export function wants(names: readonly string[], event: Pick<SomaEvent, 'name'>): boolean {
  return names.some((name) => (name.endsWith('*') ? event.name.startsWith(name.slice(0, -1)) : event.name === name))
}
