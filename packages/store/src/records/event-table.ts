import { hash } from 'node:crypto'
import type { StatementSync } from 'node:sqlite'
import { type Log, SomaError, assert } from '@soma/core'
import type { SomaEvent } from '@soma/spec'
import type { Database } from '../database/database.ts'
import { EVENTS_KEPT_MAX, EVENT_LENGTH_MAX, READ_ROWS_MAX } from '../limits.ts'
import type { EventLog, EventWrite } from './event-log.ts'

/** The last events, in the table of the same name. The oldest make room for new ones. */
export class EventTable implements EventLog {
  readonly #database: Database
  readonly #log: Log
  readonly #insert: StatementSync
  readonly #trim: StatementSync
  readonly #read: StatementSync
  #lastSeq: number

  constructor(database: Database, log: Log) {
    this.#database = database
    this.#log = log
    this.#insert = database.prepare('INSERT INTO events (seq, checksum, body) VALUES (?, ?, ?)')
    this.#trim = database.prepare('DELETE FROM events WHERE seq <= ?')
    this.#read = database.prepare('SELECT seq, checksum, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?')
    const last = database.guard(() => database.prepare('SELECT max(seq) AS seq FROM events').get())
    this.#lastSeq = Number(last?.['seq'] ?? 0)
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  read(options: { readonly afterSeq: number; readonly limit: number }): SomaEvent[] {
    assert(options.limit <= READ_ROWS_MAX, `at most ${READ_ROWS_MAX} events are read at once`)
    const rows = this.#database.guard(() => this.#read.all(options.afterSeq, options.limit))
    return rows.flatMap((row) => this.#readRow(row))
  }

  /** A damaged event is left out: it must not keep subscribers from all later ones, and nothing depends on it. */
  #readRow(row: Readonly<Record<string, unknown>>): SomaEvent[] {
    const { seq, checksum, body } = row
    if (typeof body === 'string' && hash('sha256', `${String(seq)} ${body}`) === checksum)
      return [{ ...(JSON.parse(body) as EventWrite), seq: Number(seq) }]
    this.#log.warn('a stored event does not match its checksum; it is left out', { seq })
    return []
  }

  /** Adds events and removes the oldest, inside the caller's transaction. @returns their positions, for `settle`. */
  append(events: readonly EventWrite[]): number[] {
    if (events.length === 0) return []
    const seqs = events.map((event, index) => {
      const seq = this.#lastSeq + 1 + index
      const body = JSON.stringify(event)
      if (body.length > EVENT_LENGTH_MAX) throw tooLarge(event.name, body.length)
      this.#insert.run(seq, hash('sha256', `${seq} ${body}`), body)
      return seq
    })
    this.#trim.run(this.#lastSeq + events.length - EVENTS_KEPT_MAX)
    return seqs
  }

  /** The events are durable now. */
  settle(seqs: readonly number[]): void {
    this.#lastSeq = seqs.at(-1) ?? this.#lastSeq
  }
}

function tooLarge(name: string, length: number): SomaError {
  return new SomaError('call/too-large', `event ${name} is ${length} characters long; the limit is ${EVENT_LENGTH_MAX}`, {
    details: { length, lengthMax: EVENT_LENGTH_MAX },
  })
}
