import { setImmediate as nextTurn } from 'node:timers/promises'
import { throwIfAborted } from '@soma/core'
import { PROBLEMS_MAX } from '../limits.ts'
import type { LogProblem } from './audit-log.ts'

/** What a verification has found so far, and its manners: it stops at a limit, and lets others have their turn. */
export class ProblemList {
  readonly problems: LogProblem[] = []
  readonly #signal: AbortSignal | undefined

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  get isFull(): boolean {
    return this.problems.length >= PROBLEMS_MAX
  }

  report(where: string, what: string): void {
    if (!this.isFull) this.problems.push({ where, what })
  }

  /** Resolves when other work of the process had its turn. */
  async pause(): Promise<void> {
    await nextTurn()
    throwIfAborted(this.#signal)
  }
}
