import type { LlamaContextSequence } from 'node-llama-cpp'
import { SomaError, abortError, throwIfAborted } from '@soma/core'
import { WAITING_MAX } from './limits.ts'

/** A sequence, and whose tokens its cache holds. */
export interface Slot {
  readonly sequence: LlamaContextSequence
  session: string | undefined
}

interface Waiter {
  readonly session: string | undefined
  readonly give: (slot: Slot) => void
}

/**
 * The sequences of a context, one for each call that runs. What a session computed stays in its sequence until another session
 * needs it: the one that was not used for longest goes first.
 */
export class Slots {
  /** The last used one last. */
  readonly #idle: Slot[]
  readonly #all: readonly Slot[]
  readonly #waiting: Waiter[] = []

  constructor(sequences: readonly LlamaContextSequence[]) {
    this.#all = sequences.map((sequence) => ({ sequence, session: undefined }))
    this.#idle = [...this.#all]
  }

  get all(): readonly Slot[] {
    return this.#all
  }

  get isIdle(): boolean {
    return this.#idle.length === this.#all.length
  }

  /** @throws {SomaError} `resource/exhausted` when too many wait; what the signal aborts with. */
  async take(session: string | undefined, signal: AbortSignal): Promise<Slot> {
    throwIfAborted(signal)
    const slot = this.#choose(session) ?? (await this.#wait(session, signal))
    // Nobody shares with another session, and calls without one with nobody.
    if (slot.session === undefined || slot.session !== session) await slot.sequence.clearHistory()
    slot.session = session
    return slot
  }

  /** @param forget whether nothing of what was computed may stay. */
  async release(slot: Slot, forget: boolean): Promise<void> {
    if (forget || slot.session === undefined) {
      slot.session = undefined
      await slot.sequence.clearHistory()
    }
    const next = this.#waiting.shift()
    if (next) next.give(slot)
    else this.#idle.push(slot)
  }

  #choose(session: string | undefined): Slot | undefined {
    const own = session === undefined ? -1 : this.#idle.findIndex((slot) => slot.session === session)
    const free = this.#idle.findIndex((slot) => slot.session === undefined)
    const [slot] = this.#idle.splice(own >= 0 ? own : Math.max(free, 0), 1)
    return slot
  }

  #wait(session: string | undefined, signal: AbortSignal): Promise<Slot> {
    if (this.#waiting.length >= WAITING_MAX)
      throw new SomaError('resource/exhausted', `${this.#waiting.length} generations wait for a sequence of this model`)
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(abortError(signal))
      }
      const give = (slot: Slot): void => {
        signal.removeEventListener('abort', leave)
        resolve(slot)
      }
      const waiter: Waiter = { session, give }
      this.#waiting.push(waiter)
      signal.addEventListener('abort', leave, { once: true })
    })
  }
}
