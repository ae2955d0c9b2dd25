import type { Clock } from '@soma/core'
import { SETTLE_PAUSE_MS } from './limits.ts'

export interface OrphanDeps {
  readonly clock: Clock
  /** How many calls the engine works on. */
  readonly busy: () => Promise<number>
  /** Those whose callers wait for the answer. */
  readonly open: () => ReadonlySet<object>
  /** One is still worked on after `graceMs` and nothing else is: nothing is lost by ending the engine. */
  readonly stuck: () => void
  /** One is still worked on long after that, beside calls that run well: the engine should leave when they are done. */
  readonly lame: () => void
}

interface Orphan {
  readonly settled: PromiseWithResolvers<void>
  readonly timer: Disposable
}

/** Beside calls that run well a stuck one may be the cause of nothing worse than a lost seat, for so many grace times. */
const LAME_GRACES = 10

/**
 * Calls whose callers have gone away while the engine may still work on them. Which of them it works on it does not say, only how
 * many calls in all: what is more than those with a caller are orphans. They hold the same kind of seat, so it does not matter which.
 */
export class OrphanCalls {
  readonly #deps: OrphanDeps
  readonly #graceMs: number
  readonly #orphans = new Map<object, Orphan>()
  #isLooking = false
  #isOverdue = false
  #isOver = false

  constructor(deps: OrphanDeps, graceMs: number) {
    this.#deps = deps
    this.#graceMs = graceMs
  }

  get size(): number {
    return this.#orphans.size
  }

  add(call: object): void {
    if (this.#isOver) return
    const timer = this.#deps.clock.schedule(this.#graceMs, () => this.#overdue(call, 1))
    this.#orphans.set(call, { settled: Promise.withResolvers(), timer })
    if (!this.#isLooking) void this.#look()
  }

  /** @returns undefined when the call is none of them. */
  settled(call: object): Promise<void> | undefined {
    return this.#orphans.get(call)?.settled.promise
  }

  /** A call with a caller has ended. */
  closed(): void {
    if (this.#isOverdue && this.#orphans.size > 0 && this.#deps.open().size === 0) this.#deps.stuck()
  }

  /** The process is gone. */
  over(): void {
    this.#isOver = true
    this.#settle(this.#orphans.size)
  }

  async #look(): Promise<void> {
    this.#isLooking = true
    try {
      for (let pauseMs: number = SETTLE_PAUSE_MS.first; ; pauseMs = Math.min(pauseMs * 2, SETTLE_PAUSE_MS.last)) {
        await this.#count()
        if (this.#orphans.size === 0) return
        await this.#deps.clock.sleep(pauseMs)
      }
    } catch {
      // The engine is gone or speaks nonsense: whoever ends it settles them.
    } finally {
      this.#isLooking = false
    }
  }

  async #count(): Promise<void> {
    const before = [...this.#deps.open()]
    const busy = await this.#deps.busy()
    const open = this.#deps.open()
    const withCaller = before.filter((call) => open.has(call)).length
    this.#settle(this.#orphans.size - Math.max(0, busy - withCaller))
  }

  /** The oldest first. */
  #settle(count: number): void {
    for (const [call, { settled, timer }] of this.#orphans) {
      if (count-- <= 0) return
      this.#orphans.delete(call)
      timer[Symbol.dispose]()
      settled.resolve()
    }
    if (this.#orphans.size === 0) this.#isOverdue = false
  }

  #overdue(call: object, graces: number): void {
    const orphan = this.#orphans.get(call)
    if (!orphan) return
    this.#isOverdue = true
    if (this.#deps.open().size === 0) return this.#deps.stuck()
    if (graces > 1) return this.#deps.lame()
    const timer = this.#deps.clock.schedule(this.#graceMs * (LAME_GRACES - 1), () => this.#overdue(call, LAME_GRACES))
    this.#orphans.set(call, { ...orphan, timer })
  }
}
