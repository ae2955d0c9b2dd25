import { SomaError, untilAborted } from '@soma/core'

export interface Turns {
  /**
   * Runs `work` when all earlier work is done.
   * @throws {SomaError} `resource/exhausted` when too many wait; what aborts the wait; and what `work` throws.
   */
  take<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>
  /** Resolves when the work taken so far is done. */
  idle(): Promise<void>
}

/**
 * One after the other, first come first served. One picture at a time keeps memory bounded; it costs no speed, for a
 * single recognition already uses every thread the engine was given.
 */
export function createTurns(waitingMax: number): Turns {
  let last: Promise<void> = Promise.resolve()
  let waiting = 0
  const take: Turns['take'] = async (signal, work) => {
    if (waiting >= waitingMax)
      throw new SomaError('resource/exhausted', `${waiting} calls wait for this model already; try again later`, { details: { waiting } })
    const before = last
    const { promise: done, resolve: finish } = Promise.withResolvers<void>()
    last = before.then(() => done)
    waiting++
    try {
      await untilAborted(before, signal).finally(() => waiting--)
      return await work()
    } finally {
      finish()
    }
  }
  return { take, idle: () => last }
}
