import { SomaError } from '@soma/core'
import type { DiskBlobStore } from './blobs/disk-blob-store.ts'
import type { Database } from './database/database.ts'
import { COMMIT_ROWS_MAX } from './limits.ts'
import type { DiskAuditLog } from './log/disk-audit-log.ts'
import type { EventTable } from './records/event-table.ts'
import type { RecordTable } from './records/record-table.ts'
import type { Batch, Committed, RecordWrite, Store } from './store.ts'

export interface StoreParts {
  readonly database: Database
  readonly blobs: DiskBlobStore
  readonly records: RecordTable
  readonly events: EventTable
  readonly log: DiskAuditLog
}

/** The store as its parts and the one transaction that spans them. */
export class DiskStore implements Store {
  readonly directory: string
  readonly blobs: DiskBlobStore
  readonly records: RecordTable
  readonly events: EventTable
  readonly log: DiskAuditLog
  readonly #database: Database

  constructor(directory: string, parts: StoreParts) {
    this.directory = directory
    this.blobs = parts.blobs
    this.records = parts.records
    this.events = parts.events
    this.log = parts.log
    this.#database = parts.database
  }

  commit({ writes = [], entries = [], events = [], sync = true }: Batch): Committed {
    checkRows(writes.length + entries.length + events.length)
    for (const write of writes) this.#checkBlobs(write)
    const committed = this.#database.transaction(
      () => {
        this.records.apply(writes)
        return { entries: this.log.append(entries), eventSeqs: this.events.append(events) }
      },
      { sync },
    )
    this.log.settle(committed.entries, { sync })
    this.events.settle(committed.eventSeqs)
    return committed
  }

  sync(): void {
    this.#database.transaction(() => this.log.touch())
    this.log.settle([], { sync: true })
  }

  /** A record must not refer to a blob that was collected before the reference came. */
  #checkBlobs(write: RecordWrite): void {
    if (write.action === 'put') for (const digest of write.blobs ?? []) this.blobs.sizeBytes(digest)
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]()
    this.#database[Symbol.dispose]()
  }
}

function checkRows(rows: number): void {
  if (rows <= COMMIT_ROWS_MAX) return
  throw new SomaError('call/too-large', `a batch of ${rows} rows is over the limit of ${COMMIT_ROWS_MAX}; commit it in parts`, {
    details: { rows, rowsMax: COMMIT_ROWS_MAX },
  })
}
