import { Turns as BoundedTurns } from '@soma/wire'
import { WAITING_MAX } from './limits.ts'

const never = new AbortController().signal

/** One after the other, in the order in which they came. */
export class Turns {
  readonly #turns = new BoundedTurns(WAITING_MAX)

  /** @throws {SomaError} `resource/exhausted` when too many wait; what `work` throws. */
  take<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.run(never, work)
  }
}
