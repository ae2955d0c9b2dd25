import type { Log } from '@soma/core'
import type { Priorities } from '@soma/host'

/** A process that can be made to step back. */
interface Stepping {
  readonly pid: number
}

export interface StepBackDeps {
  readonly priorities: Priorities
  readonly processes: () => readonly Stepping[]
  readonly log: Log
}

/** While a program of the foreground runs, engine processes have the lowest priority: those that run, and those that start. */
export class StepBack {
  readonly #deps: StepBackDeps
  #isOn = false

  constructor(deps: StepBackDeps) {
    this.#deps = deps
  }

  async set(isOn: boolean): Promise<void> {
    if (isOn === this.#isOn) return
    this.#isOn = isOn
    await Promise.all(this.#deps.processes().map((process) => this.#apply(process)))
    if (!this.#isOn) this.#deps.priorities.end()
  }

  async started(process: Stepping): Promise<void> {
    if (this.#isOn) await this.#apply(process)
  }

  async #apply({ pid }: Stepping): Promise<void> {
    const { priorities, log } = this.#deps
    if (!this.#isOn) return await priorities.restore(pid)
    const ways = await priorities.lower(pid)
    log.debug('an engine process steps back', { pid, ways })
    // The program may have ended meanwhile.
    if (!this.#isOn) await priorities.restore(pid)
  }
}
