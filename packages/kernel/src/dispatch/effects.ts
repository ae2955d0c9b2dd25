import { assert } from '@soma/core'
import type { BlobDigest } from '@soma/core'
import type { Effects, SomaEvent } from '@soma/spec'
import { type EventWrite, type RecordWrite, recordDigest } from '@soma/store'
import type { Effect } from '../audit/entry.ts'

/** What a call wants changed, collected until it is committed. */
export class StagedEffects implements Effects {
  readonly writes: RecordWrite[] = []
  readonly events: EventWrite[] = []
  readonly #checks: Array<() => void> = []
  readonly #actions: Array<() => void> = []
  readonly #releases: Array<() => void> = []
  readonly #call: string
  readonly #mutates: boolean
  readonly #now: () => number

  constructor(options: { readonly call: string; readonly mutates: boolean; readonly now: () => number }) {
    this.#call = options.call
    this.#mutates = options.mutates
    this.#now = options.now
  }

  put(kind: string, key: string, value: unknown, options: { readonly blobs?: readonly BlobDigest[] } = {}): void {
    this.#change({ action: 'put', kind, key, value, ...options })
  }

  delete(kind: string, key: string): void {
    this.#change({ action: 'delete', kind, key })
  }

  emit(event: Pick<SomaEvent, 'name' | 'resource' | 'data'>): void {
    this.events.push({ at: this.#now(), ...event })
  }

  require(check: () => void): void {
    this.#checks.push(check)
  }

  committed(action: () => void): void {
    this.#actions.push(action)
  }

  settled(action: () => void): void {
    this.#releases.push(action)
  }

  /** @throws whatever a required check throws. */
  check(): void {
    for (const check of this.#checks) check()
  }

  /** What is committed stays so, whatever an action throws: that is reported, and the others still run. */
  finish(report: (thrown: unknown) => void): void {
    runAll(this.#actions, report)
  }

  settle(report: (thrown: unknown) => void): void {
    runAll(this.#releases, report)
  }

  /** What the audit entry says of the writes. */
  audited(): Effect[] {
    return this.writes.map((write) => ({
      record: `${write.kind}/${write.key}`,
      digest: write.action === 'put' ? recordDigest(write.value) : null,
    }))
  }

  #change(write: RecordWrite): void {
    assert(this.#mutates, `${this.#call} is declared to change nothing`)
    this.writes.push(write)
  }
}

function runAll(actions: ReadonlyArray<() => void>, report: (thrown: unknown) => void): void {
  for (const action of actions) {
    try {
      action()
    } catch (thrown) {
      report(thrown)
    }
  }
}
