import { type Clock, type Log, isSomaError } from '@soma/core'
import { isLostProcess } from './engine-failure.ts'
import { SECOND_TRY_WAIT_MS_MAX } from './limits.ts'
import type { Call } from './turn.ts'

type SharedCall = Pick<Call, 'model' | 'signal'>

/**
 * A call was accepted, and then its engine's process was lost under it: killed, out of memory, crashed by another call. It is made
 * once more in a fresh process, unless its caller has seen a part of the answer already. Only once: it may be the cause itself.
 */
export class SecondTry {
  readonly #clock: Clock
  readonly #log: Log

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock
    this.#log = log
  }

  async run<Answer>(call: SharedCall, work: () => Promise<Answer>): Promise<Answer> {
    const losses = new Losses()
    for (;;)
      try {
        return await work()
      } catch (error) {
        await this.#again(losses, error, call)
      }
  }

  /** @param work begins anew each time; its events go to the caller, and after the first there is no second try. */
  async *stream<Event, Answer>(call: SharedCall, work: () => AsyncGenerator<Event, Answer, void>): AsyncGenerator<Event, Answer, void> {
    const losses = new Losses()
    for (;;) {
      const events = work()
      try {
        const first = await events.next().catch(async (error: unknown) => await this.#again(losses, error, call))
        if (!first) continue
        if (first.done) return first.value
        yield first.value
        return yield* events
      } finally {
        await events.return(undefined as never)
      }
    }
  }

  /** Returns when the call should be made again. @throws `error` when it should not. */
  async #again(losses: Losses, error: unknown, { model, signal }: SharedCall): Promise<void> {
    const pauseMs = signal.aborted ? undefined : losses.pauseAfter(error)
    if (pauseMs === undefined) throw error
    this.#log.info('a call whose engine was lost is made again', { model, pauseMs })
    if (pauseMs > 0) await this.#clock.sleep(pauseMs, { signal })
  }
}

/** What befell one call so far. */
class Losses {
  #isLost = false
  #waitedMs = 0

  /** How long to wait before the call is made again; undefined when it has failed. */
  pauseAfter(error: unknown): number | undefined {
    const isFirst = !this.#isLost
    this.#isLost ||= isLostProcess(error)
    if (isLostProcess(error)) return isFirst ? 0 : undefined
    const retryAfterMs = isFirst || !isSomaError(error, 'engine/not-ready') ? undefined : error.details['retryAfterMs']
    if (typeof retryAfterMs !== 'number') return undefined
    this.#waitedMs += retryAfterMs
    return this.#waitedMs <= SECOND_TRY_WAIT_MS_MAX ? retryAfterMs : undefined
  }
}
