import { type Log, SomaError, toSomaError } from '@soma/core'
import type { AuditEntry, SomaEvent } from '@soma/spec'
import type { Batch, EventWrite, RecordWrite, Store } from '@soma/store'
import type { Broadcast } from '../events/event-bus.ts'
import { QUOTA_KIND } from '../capabilities/capabilities.ts'
import type { CapabilityEntry } from '../capabilities/entry.ts'
import type { KernelDeps } from '../deps.ts'
import {
  CHECKPOINT_ENTRIES,
  JOURNAL_DELAY_MS,
  JOURNAL_GROUP_MAX,
  JOURNAL_PENDING_MAX,
  JOURNAL_RETRY_MS,
  JOURNAL_SYNC_MS,
} from '../limits.ts'
import { type AuditFacts, type Outcome, decodeEntry, encodeFacts } from './entry.ts'

export interface JournalDeps extends KernelDeps {
  readonly store: Store
  readonly events: Broadcast<SomaEvent>
  readonly entries: Broadcast<AuditEntry>
  /** Capabilities whose usage changed since it was last written. */
  readonly charged: Set<CapabilityEntry>
}

/** A call whose begin is noted, and the group of entries it waits in. */
export interface Begun {
  readonly facts: AuditFacts
  readonly group: number
}

/**
 * The order in which things become durable. Entries of calls that change nothing wait for each other, 50 ms at most;
 * a call that changes something takes those waiting along, so that the log keeps the order in which things happened.
 * A call that ends while its begin still waits has one entry instead of two: it says both, and costs half.
 */
export class Journal {
  readonly #deps: JournalDeps
  #entries: AuditFacts[] = []
  #events: EventWrite[] = []
  #group = 0
  #timer: Disposable | undefined
  /** Set while something is committed that is not synced yet. */
  #syncTimer: Disposable | undefined
  #sinceCheckpoint = 0

  constructor(deps: JournalDeps) {
    this.#deps = deps
  }

  /**
   * Notes an entry, to be committed with its group.
   * @throws {SomaError} `store/disk-full` when so much is waiting that the disk must be full.
   */
  note(facts: AuditFacts): Begun {
    if (this.#entries.length >= JOURNAL_PENDING_MAX)
      throw new SomaError('store/disk-full', 'the audit log cannot be written; calls are refused until there is space')
    const begun = { facts, group: this.#group }
    this.#entries.push(facts)
    this.#arm()
    return begun
  }

  /** Notes how a call ended that changed nothing. */
  end(begun: Begun, at: number, outcome: Outcome): void {
    if (this.#waits(begun)) Object.assign(begun.facts, outcome, { kind: 'call' })
    else this.note(endOf(begun, at, outcome))
  }

  /**
   * Commits a call's effects together with its end and everything that waits.
   * @throws {SomaError} `store/disk-full`: the effects did not happen, what waited goes on waiting.
   */
  commit(begun: Begun, end: { readonly at: number; readonly outcome: Outcome }, effects: Required<Pick<Batch, 'writes' | 'events'>>): void {
    const { at, outcome } = end
    const ended: AuditFacts = this.#waits(begun) ? { ...begun.facts, ...outcome, kind: 'call' } : endOf(begun, at, outcome)
    const others = this.#entries.filter((facts) => facts !== begun.facts)
    this.#write({ writes: effects.writes, entries: [...others, ended], events: [...this.#events, ...effects.events] }, { sync: true })
  }

  /** Commits writes that are no call's, with the entry that says so. */
  commitSystem(facts: AuditFacts, writes: readonly RecordWrite[]): void {
    this.#write({ writes, entries: [...this.#entries, facts], events: this.#events }, { sync: true })
  }

  #waits({ group }: Begun): boolean {
    return group === this.#group
  }

  /** Notes an event that belongs to no call, such as a crash. */
  noteEvent(event: EventWrite): void {
    if (this.#events.length < JOURNAL_PENDING_MAX) this.#events.push(event)
    this.#arm()
  }

  /** Commits what waits. A full disk is logged and tried again with the next group. */
  flush(): void {
    if (this.#entries.length === 0 && this.#events.length === 0) return
    try {
      this.#write({ writes: [], entries: this.#entries, events: this.#events }, { sync: false })
    } catch (thrown) {
      this.#deps.log.error('the audit log could not be written; it is tried again', {
        error: toSomaError(thrown),
        waiting: this.#entries.length,
      })
      this.#disarm()
      this.#arm(JOURNAL_RETRY_MS)
    }
  }

  /** Commits and syncs what waits; nothing is scheduled afterwards. */
  stop(): void {
    this.flush()
    this.#disarm()
    if (this.#syncTimer) this.#sync()
    this.#synced()
  }

  #arm(delayMs = JOURNAL_DELAY_MS): void {
    if (this.#entries.length === JOURNAL_GROUP_MAX) this.flush()
    else this.#timer ??= this.#deps.clock.schedule(delayMs, () => this.flush())
  }

  #disarm(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
  }

  #write(batch: Group, { sync }: { readonly sync: boolean }): void {
    const { store, charged } = this.#deps
    // Usage first: a call that revokes a capability deletes its usage after it.
    const committed = store.commit({
      events: batch.events,
      entries: batch.entries.map(encodeFacts),
      writes: [...[...charged].map(putUsage), ...batch.writes],
      sync,
    })
    charged.clear()
    this.#disarm()
    if (sync) this.#synced()
    else this.#syncTimer ??= this.#deps.clock.schedule(JOURNAL_SYNC_MS, () => this.#sync())
    this.#entries = []
    this.#events = []
    this.#group++
    this.#publish(batch.events, committed)
    this.#checkpoint(committed.entries.length)
  }

  /** A disk that refuses is tried again: nobody was told that these entries are safe. */
  #sync(): void {
    this.#synced()
    try {
      this.#deps.store.sync()
    } catch (error) {
      this.#deps.log.error('the audit log could not be synced; it is tried again', { error })
      this.#syncTimer = this.#deps.clock.schedule(JOURNAL_SYNC_MS, () => this.#sync())
    }
  }

  #synced(): void {
    this.#syncTimer?.[Symbol.dispose]()
    this.#syncTimer = undefined
  }

  #publish(events: readonly EventWrite[], committed: ReturnType<Store['commit']>): void {
    events.forEach((event, index) => this.#deps.events.publish({ seq: committed.eventSeqs[index] ?? 0, ...event }))
    if (this.#deps.entries.subscribers > 0) for (const entry of committed.entries) this.#deps.entries.publish(decodeEntry(entry))
  }

  #checkpoint(entries: number): void {
    this.#sinceCheckpoint += entries
    if (this.#sinceCheckpoint < CHECKPOINT_ENTRIES) return
    this.#sinceCheckpoint = 0
    checkpointQuietly(this.#deps.store, this.#deps.log)
  }
}

/** What is committed at once. */
interface Group extends Required<Pick<Batch, 'writes' | 'events'>> {
  readonly entries: readonly AuditFacts[]
}

function endOf({ facts: { input: _input, ...begin } }: Begun, at: number, outcome: Outcome): AuditFacts {
  return { ...begin, at, kind: 'end', ...outcome }
}

function putUsage({ id, usage }: CapabilityEntry): RecordWrite {
  return { action: 'put', kind: QUOTA_KIND, key: id, value: usage }
}

/** Signs the log's head; a failure is logged, because nobody asked for it now. */
export function checkpointQuietly(store: Store, log: Log): void {
  try {
    store.log.checkpoint()
  } catch (error) {
    log.error('the audit log could not be signed', { error })
  }
}
