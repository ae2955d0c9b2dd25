import type { BlobDigest, Clock, Log, Rng } from '@soma/core'
import type { BlobStore } from './blobs/blob-store.ts'
import type { AuditLog, LogEntry } from './log/audit-log.ts'
import type { EventLog, EventWrite } from './records/event-log.ts'
import type { Records } from './records/records.ts'

/** One change of one record. Its checksum and blob references are kept by the store. */
export type RecordWrite =
  | { readonly action: 'put'; readonly kind: string; readonly key: string; readonly value: unknown; readonly blobs?: readonly BlobDigest[] }
  | { readonly action: 'delete'; readonly kind: string; readonly key: string }

/** What is committed at once: all of it is durable when `commit` returns, or none of it happened. */
export interface Batch {
  readonly writes?: readonly RecordWrite[]
  /** Bodies of log entries, in order: JSON texts. */
  readonly entries?: readonly string[]
  readonly events?: readonly EventWrite[]
  /**
   * False: durable against the end of this process at once, against a power failure with the next batch that is synced. For
   * what nobody was told is done.
   */
  readonly sync?: boolean
}

export interface Committed {
  /** The entries as they now stand in the log. */
  readonly entries: readonly LogEntry[]
  readonly eventSeqs: readonly number[]
}

/** Everything on disk. One process owns it; a second one gets `store/locked`. */
export interface Store extends Disposable {
  readonly directory: string
  readonly blobs: BlobStore
  readonly records: Records
  readonly events: EventLog
  readonly log: AuditLog
  /**
   * Whatever it throws, nothing of the batch is there.
   * @throws {SomaError} `store/disk-full`; `store/not-found` for a reference to a blob that is not there; `call/too-large`.
   */
  commit(batch: Batch): Committed
  /** Makes everything that was committed without `sync` durable against a power failure, too. */
  sync(): void
}

export interface StoreDeps {
  readonly clock: Clock
  readonly rng: Rng
  readonly log: Log
}
