import type { StatementSync } from 'node:sqlite'
import { SomaError, assert } from '@soma/core'
import type { Database } from '../database/database.ts'
import { corruptError } from '../database/sqlite-error.ts'
import { INSERT_ROWS, LOG_BODY_LENGTH_MAX, READ_ROWS_MAX } from '../limits.ts'
import type { LogEntry } from './audit-log.ts'
import { GENESIS, HASH_LENGTH, type Link, chainHash, linkChecksum, readLink } from './chain.ts'

/** A row of the table `log`, as SQLite gives it. */
export type EntryRow = Readonly<Record<string, unknown>>

/** The chain's entries, in the table `log`, and its end, in the table `head`. */
export class EntryTable {
  readonly #database: Database
  readonly #insertOne: StatementSync
  readonly #insertMany: StatementSync
  readonly #setHead: StatementSync
  readonly #after: StatementSync
  readonly #one: StatementSync
  readonly #last: StatementSync

  constructor(database: Database) {
    this.#database = database
    this.#insertOne = database.prepare('INSERT INTO log (seq, hash, body) VALUES (?, ?, ?)')
    this.#insertMany = database.prepare(`INSERT INTO log (seq, hash, body) VALUES ${Array(INSERT_ROWS).fill('(?, ?, ?)').join(', ')}`)
    this.#setHead = database.prepare('INSERT OR REPLACE INTO head (id, seq, hash, checksum) VALUES (1, ?, ?, ?)')
    // Cast, so that a damaged type is a wrong text and not an error that hides the whole page.
    const columns = 'seq, CAST(hash AS TEXT) AS hash, CAST(body AS TEXT) AS body'
    this.#after = database.prepare(`SELECT ${columns} FROM log WHERE seq > ? ORDER BY seq LIMIT ?`)
    this.#one = database.prepare(`SELECT ${columns} FROM log WHERE seq = ?`)
    this.#last = database.prepare(`SELECT ${columns} FROM log ORDER BY seq DESC LIMIT ?`)
  }

  /** Appends after `head`, inside the caller's transaction. @returns the entries; the last one is the new head. */
  append(head: Link, bodies: readonly string[]): LogEntry[] {
    const entries = chain(head, bodies)
    const whole = entries.length - (entries.length % INSERT_ROWS)
    for (let begin = 0; begin < whole; begin += INSERT_ROWS) this.#insertRows(entries, begin)
    for (const { seq, hash, body } of entries.slice(whole)) this.#insertOne.run(seq, hash, body)
    const last = entries.at(-1)
    if (last) this.putHead(last)
    return entries
  }

  putHead(link: Link): void {
    if (link.seq > 0) this.#setHead.run(link.seq, link.hash, linkChecksum(link))
  }

  #insertRows(entries: readonly LogEntry[], begin: number): void {
    const values: Array<number | string> = []
    for (const { seq, hash, body } of entries.slice(begin, begin + INSERT_ROWS)) values.push(seq, hash, body)
    this.#insertMany.run(...values)
  }

  /** Rows with `seq > afterSeq` in order, unchecked. */
  rows(afterSeq: number, limit: number): EntryRow[] {
    return this.#database.guard(() => this.#after.all(afterSeq, limit))
  }

  /** The row at `seq`, unchecked: looked up without touching its neighbours. */
  row(seq: number): EntryRow | undefined {
    return this.#database.guard(() => this.#one.get(seq))
  }

  read(afterSeq: number, limit: number): LogEntry[] {
    assert(limit <= READ_ROWS_MAX, `at most ${READ_ROWS_MAX} entries are read at once`)
    return this.rows(afterSeq, limit).map((row) => this.#entry(row))
  }

  last(count: number): LogEntry[] {
    assert(count <= READ_ROWS_MAX, `at most ${READ_ROWS_MAX} entries are read at once`)
    const rows = this.#database.guard(() => this.#last.all(count))
    return rows.reverse().map((row) => this.#entry(row))
  }

  #entry(row: EntryRow): LogEntry {
    const entry = readEntry(row)
    if (!entry) throw corruptError(this.#database.path, `log entry ${String(row['seq'])} is unreadable`)
    return entry
  }

  /** The link of the last row, whatever the head says; the genesis when there is none, undefined when it is unreadable. */
  lastLink(): Link | undefined {
    try {
      const [row] = this.#database.guard(() => this.#last.all(1))
      return row ? readEntry(row) : GENESIS
    } catch {
      return undefined
    }
  }

  /** What the table `head` says; the genesis when it has no row and there are no entries, undefined when it is damaged. */
  storedHead(): Link | undefined {
    try {
      const row = this.#database.guard(() => this.#database.prepare('SELECT seq, hash, checksum FROM head').get())
      if (row) return readLink(row['seq'], row['hash'], row['checksum'])
      return this.lastLink() === GENESIS ? GENESIS : undefined
    } catch {
      return undefined
    }
  }
}

function chain(head: Link, bodies: readonly string[]): LogEntry[] {
  let { seq, hash } = head
  return bodies.map((body) => {
    if (body.length > LOG_BODY_LENGTH_MAX) throw tooLarge(body.length)
    hash = chainHash(hash, body)
    return { seq: ++seq, body, hash }
  })
}

/** @returns the row as an entry, or undefined when its columns are not of the right shape. Its hash is not checked. */
export function readEntry(row: EntryRow): LogEntry | undefined {
  const { seq, hash, body } = row
  return typeof seq === 'number' && typeof hash === 'string' && hash.length === HASH_LENGTH && typeof body === 'string'
    ? { seq, hash, body }
    : undefined
}

function tooLarge(length: number): SomaError {
  return new SomaError('call/too-large', `a log entry of ${length} characters is over the limit of ${LOG_BODY_LENGTH_MAX}`, {
    details: { length, lengthMax: LOG_BODY_LENGTH_MAX },
  })
}
