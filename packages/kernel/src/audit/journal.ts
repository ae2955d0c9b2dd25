import { type Log, SomaError, toSomaError } from '@soma/core'
import type { SomaEvent } from '@soma/spec'
import { type EventWrite, QUOTA_KIND, type RecordWrite, type Store } from '@soma/store'
import type { Broadcast } from '../events/event-bus.ts'
import type { CapabilityEntry } from '../capabilities/entry.ts'
import type { KernelDeps } from '../deps.ts'
import {
  CHECKPOINT_ENTRIES,
  EVENT_LENGTH_MAX,
  JOURNAL_DELAY_MS,
  JOURNAL_GROUP_MAX,
  JOURNAL_PENDING_MAX,
  JOURNAL_RETRY_MS,
  JOURNAL_SYNC_MS,
} from '../limits.ts'
import { type AuditFacts, type Outcome, encodeFacts } from './entry.ts'

export interface JournalDeps extends KernelDeps {
  readonly store: Store
  readonly events: Broadcast<SomaEvent>
  /** Told after every commit where the log ends now. */
  readonly ends: Broadcast<number>
  /** Capabilities whose usage changed since it was last written. */
  readonly charged: Set<CapabilityEntry>
}

/** An entry that was noted. */
export interface Begun {
  readonly facts: AuditFacts
  /** False once it is in the log, where nothing can be added to it any more. */
  waits: boolean
}

/** What a call wants committed besides what waits. */
export interface Changes {
  readonly writes: readonly RecordWrite[]
  readonly events: readonly EventWrite[]
}

/**
 * The order in which things become durable. Entries of calls that change nothing wait for each other, 50 ms at most;
 * a call that changes something takes those waiting along, so that the log keeps the order in which things happened.
 * A call that ends while its begin still waits has one entry instead of two: it says both, and costs half.
 */
export class Journal {
  readonly #deps: JournalDeps
  #entries: Begun[] = []
  #events: EventWrite[] = []
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
    const begun = { facts, waits: true }
    this.#entries.push(begun)
    // Equal and not more: while the disk refuses, it is asked by the timer and not by every call.
    if (this.#entries.length === JOURNAL_GROUP_MAX) this.flush()
    else this.#arm()
    return begun
  }

  /** Notes how a call ended that changed nothing. */
  end(begun: Begun, at: number, outcome: Outcome): void {
    if (begun.waits) Object.assign(begun.facts, outcome, { kind: 'call' })
    else this.note(endOf(begun, at, outcome))
  }

  /**
   * Commits a call's effects together with its end and everything that waits.
   * @throws {SomaError} `store/disk-full`: the effects did not happen, what waited goes on waiting.
   */
  commit(begun: Begun, end: { readonly at: number; readonly outcome: Outcome }, changes: Changes): void {
    const { at, outcome } = end
    while (this.#waitsMoreThan(JOURNAL_GROUP_MAX)) this.#write(nothing, { sync: false })
    const ended: AuditFacts = begun.waits ? { ...begun.facts, ...outcome, kind: 'call' } : endOf(begun, at, outcome)
    this.#write({ ...changes, begun, ended }, { sync: true })
  }

  /** Commits writes that are no call's, with the entry that says so. */
  commitSystem(ended: AuditFacts, writes: readonly RecordWrite[]): void {
    this.#write({ writes, events: [], ended }, { sync: true })
  }

  /** Notes an event that belongs to no call, such as a crash. One that could not be kept is dropped: it must not hold up all others. */
  noteEvent(event: EventWrite): void {
    const length = textLength(event)
    if (length <= EVENT_LENGTH_MAX && this.#events.length < JOURNAL_PENDING_MAX) this.#events.push(event)
    else this.#deps.log.error('an event is dropped', { name: event.name, length, waiting: this.#events.length })
    this.#arm()
  }

  /** Commits what waits, a group at a time. A full disk is logged and tried again. */
  flush(): void {
    try {
      while (this.#waitsMoreThan(0)) this.#write(nothing, { sync: false })
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
    this.#timer ??= this.#deps.clock.schedule(delayMs, () => this.flush())
  }

  #waitsMoreThan(count: number): boolean {
    return this.#entries.length > count || this.#events.length > count
  }

  #disarm(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
  }

  /** Commits the oldest group of what waits, and more with it: never more rows than the store takes at once. */
  #write({ writes, events: more, begun, ended }: Addition, { sync }: { readonly sync: boolean }): void {
    const { store, charged } = this.#deps
    const entries = this.#entries.slice(0, JOURNAL_GROUP_MAX)
    const events = [...this.#events.slice(0, JOURNAL_GROUP_MAX), ...more]
    const facts = entries.filter((entry) => entry !== begun).map((entry) => entry.facts)
    const committed = store.commit({
      events,
      entries: (ended ? [...facts, ended] : facts).map(encodeFacts),
      // Usage first: a call that revokes a capability deletes its usage after it.
      writes: [...[...charged].map(putUsage), ...writes],
      sync,
    })
    charged.clear()
    this.#disarm()
    if (sync) this.#synced()
    else this.#syncTimer ??= this.#deps.clock.schedule(JOURNAL_SYNC_MS, () => this.#sync())
    this.#entries = this.#entries.slice(entries.length)
    this.#events = this.#events.slice(JOURNAL_GROUP_MAX)
    for (const entry of entries) entry.waits = false
    if (this.#waitsMoreThan(0)) this.#arm()
    events.forEach((event, index) => this.#deps.events.publish({ seq: committed.eventSeqs[index] ?? 0, ...event }))
    this.#deps.ends.publish(store.log.head.seq)
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

  #checkpoint(entries: number): void {
    this.#sinceCheckpoint += entries
    if (this.#sinceCheckpoint < CHECKPOINT_ENTRIES) return
    this.#sinceCheckpoint = 0
    checkpointQuietly(this.#deps.store, this.#deps.log)
  }
}

interface Addition extends Changes {
  /** An entry that may wait, and the one that is written instead of it. */
  readonly begun?: Begun
  readonly ended?: AuditFacts
}

const nothing: Addition = { writes: [], events: [] }

/** Infinite for what has no JSON text. */
function textLength(event: EventWrite): number {
  try {
    return JSON.stringify(event).length
  } catch {
    return Infinity
  }
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
