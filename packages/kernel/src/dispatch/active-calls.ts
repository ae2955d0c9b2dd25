import { SomaError } from '@soma/core'
import type { CapabilityEntry } from '../capabilities/entry.ts'
import { ACTIVE_CALLS_MAX } from '../limits.ts'
import type { Run } from './run.ts'

/** The calls under way, so that they can be counted, drained, and ended when their capability is revoked. */
export class ActiveCalls {
  readonly #runs = new Set<Run>()
  #idle: Array<() => void> = []

  get size(): number {
    return this.#runs.size
  }

  /** @throws {SomaError} `resource/exhausted` when too many calls are under way. */
  add(run: Run): void {
    if (this.#runs.size >= ACTIVE_CALLS_MAX)
      throw new SomaError('resource/exhausted', `${ACTIVE_CALLS_MAX} calls are under way; try again later`)
    this.#runs.add(run)
  }

  delete(run: Run): void {
    this.#runs.delete(run)
    if (this.#runs.size > 0) return
    for (const resolve of this.#idle) resolve()
    this.#idle = []
  }

  /** Ends the calls that these capabilities allowed. */
  revoke(revoked: readonly CapabilityEntry[]): void {
    const gone = new Set(revoked)
    const error = new SomaError('capability/denied', 'the capability for this call was revoked while it ran')
    for (const run of this.#runs) if (run.capabilities.some((entry) => gone.has(entry))) run.abort(error)
  }

  abortAll(reason: SomaError): void {
    for (const run of this.#runs) run.abort(reason)
  }

  /** Resolves when no call is under way. */
  idle(): Promise<void> {
    return this.#runs.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }
}
