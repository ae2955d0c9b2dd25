import { COMMAND_LINE_LENGTH_MAX, LOOKS_UNTIL_ANEW, PROCESSES_MAX, READS_OF_NEW } from './limits.ts'
import type { ProcessName } from './programs.ts'

export interface ProcessListDeps {
  /** Names in a folder; empty when there is none. */
  readonly list: (path: string) => readonly string[]
  readonly read: (path: string) => string | undefined
}

/** The processes of this machine, read as seldom as possible: again and again only those that are new. */
export class ProcessList {
  readonly #deps: ProcessListDeps
  readonly #known = new Map<string, { readonly process: ProcessName; reads: number }>()
  #looks = 0

  constructor(deps: ProcessListDeps) {
    this.#deps = deps
  }

  /** All that run now and say who they are; none where there is no /proc. */
  look(): ProcessName[] {
    if (this.#looks++ % LOOKS_UNTIL_ANEW === 0) this.#known.clear()
    const pids = this.#deps
      .list('/proc')
      .filter((name) => /^\d+$/.test(name))
      .slice(0, PROCESSES_MAX)
    const present = new Set(pids)
    for (const pid of this.#known.keys()) if (!present.has(pid)) this.#known.delete(pid)
    for (const pid of pids) this.#readNew(pid)
    return [...this.#known.values()].map(({ process }) => process)
  }

  #readNew(pid: string): void {
    const reads = this.#known.get(pid)?.reads ?? 0
    if (reads >= READS_OF_NEW) return
    const name = this.#deps.read(`/proc/${pid}/comm`)?.trimEnd()
    const line = this.#deps.read(`/proc/${pid}/cmdline`)?.slice(0, COMMAND_LINE_LENGTH_MAX) ?? ''
    const args = line.split('\0').filter((arg) => arg !== '')
    if (name === undefined) this.#known.delete(pid)
    else this.#known.set(pid, { process: { pid: Number(pid), name, args }, reads: reads + 1 })
  }
}
