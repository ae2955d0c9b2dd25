import { hash } from 'node:crypto'
import type { StatementSync } from 'node:sqlite'
import { type BlobDigest, SomaError, assert, canonicalJson } from '@soma/core'
import type { Database } from '../database/database.ts'
import { KEY_LENGTH_MAX, RECORD_LENGTH_MAX } from '../limits.ts'
import type { RecordWrite } from '../store.ts'
import { type RecordRow, readBlobs, readRow, rowChecksum } from './record-row.ts'
import type { Records, ScannedRecord, StoredRecord } from './records.ts'

const columns = 'kind, key, blobs, digest, checksum, value'
const kindPattern = /^[a-z][a-z0-9-]*$/

/** The records, in the table of the same name. */
export class RecordTable implements Records {
  readonly #database: Database
  readonly #get: StatementSync
  readonly #list: StatementSync
  readonly #page: StatementSync
  readonly #count: StatementSync
  readonly #put: StatementSync
  readonly #delete: StatementSync
  #referenced: ReadonlySet<string> | undefined

  constructor(database: Database) {
    this.#database = database
    this.#get = database.prepare(`SELECT ${columns} FROM records WHERE kind = ? AND key = ?`)
    this.#list = database.prepare(`SELECT ${columns} FROM records WHERE kind = ? ORDER BY key`)
    this.#page = database.prepare(`SELECT ${columns} FROM records WHERE kind = ? AND key > ? ORDER BY key LIMIT ?`)
    this.#count = database.prepare('SELECT count(*) AS count FROM records WHERE kind = ?')
    this.#put = database.prepare(
      `INSERT INTO records (${columns}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, key)
       DO UPDATE SET blobs = excluded.blobs, digest = excluded.digest, checksum = excluded.checksum, value = excluded.value`,
    )
    this.#delete = database.prepare('DELETE FROM records WHERE kind = ? AND key = ?')
  }

  get(kind: string, key: string): StoredRecord | undefined {
    const row = this.#database.guard(() => this.#get.get(kind, key))
    return row && readRow(kind, row)
  }

  list(kind: string): StoredRecord[] {
    return this.#database.guard(() => this.#list.all(kind)).map((row) => readRow(kind, row))
  }

  scan(kind: string, page?: { readonly after: string; readonly limit: number }): ScannedRecord[] {
    const found: ScannedRecord[] = []
    this.#visit(page ? this.#page.iterate(kind, page.after, page.limit) : this.#list.iterate(kind), {
      row: (row) => found.push(scanRow(kind, row)),
      damage: (what) => found.push({ key: '?', corrupt: what }),
    })
    return found
  }

  count(kind: string): number {
    return Number(this.#database.guard(() => this.#count.get(kind))?.['count'])
  }

  digests(): { digests: ReadonlyMap<string, string>; corrupt: readonly string[] } {
    const digests = new Map<string, string>()
    const corrupt: string[] = []
    // NOT INDEXED: the rows themselves, so that a damaged index hides none.
    this.#visit(this.#database.prepare(`SELECT ${columns} FROM records NOT INDEXED`).iterate(), {
      row: (row) => {
        const name = `${String(row['kind'])}/${String(row['key'])}`
        const scanned = scanRow(String(row['kind']), row)
        digests.set(name, hash('sha256', String(row['value'])))
        if ('corrupt' in scanned) corrupt.push(name)
      },
      damage: (what) => corrupt.push(what),
    })
    return { digests, corrupt }
  }

  /** Every blob that some record refers to. @throws {SomaError} `store/corrupt` when that cannot be known for certain. */
  referencedBlobs(): ReadonlySet<string> {
    this.#referenced ??= this.#readReferences()
    return this.#referenced
  }

  #readReferences(): ReadonlySet<string> {
    const scan = this.#database.prepare('SELECT kind, key, blobs, digest, checksum FROM records NOT INDEXED')
    return this.#database.guard(() => {
      const referenced = new Set<string>()
      for (const row of scan.iterate()) for (const digest of readBlobs(row)) referenced.add(digest)
      return referenced
    })
  }

  /** Carries out `writes`, inside the caller's transaction. */
  apply(writes: readonly RecordWrite[]): void {
    if (writes.length > 0) this.#referenced = undefined
    for (const write of writes)
      if (write.action === 'put') this.#putRecord(write.kind, write.key, write.value, write.blobs ?? [])
      else this.#delete.run(write.kind, write.key)
  }

  #putRecord(kind: string, key: string, value: unknown, blobDigests: readonly BlobDigest[]): void {
    assert(kindPattern.test(kind), `"${kind}" is not the name of a kind of record`)
    assert(key.isWellFormed(), 'a record key is well-formed text')
    const text = canonicalJson(value)
    checkLengths(kind, key, text)
    const digest = hash('sha256', text)
    const blobs = JSON.stringify(blobDigests)
    this.#put.run(kind, key, blobs, digest, rowChecksum({ kind, key, blobs, digest }), text)
  }

  /** Reads on until the end, or until SQLite finds the file itself damaged. */
  #visit(rows: Iterable<RecordRow>, on: { row(row: RecordRow): void; damage(what: string): void }): void {
    try {
      this.#database.guard(() => {
        for (const row of rows) on.row(row)
      })
    } catch (error) {
      on.damage((error as Error).message)
    }
  }
}

function scanRow(kind: string, row: RecordRow): ScannedRecord {
  try {
    return readRow(kind, row)
  } catch (error) {
    return { key: String(row['key']), corrupt: (error as Error).message }
  }
}

function checkLengths(kind: string, key: string, text: string): void {
  if (key.length > KEY_LENGTH_MAX) throw tooLarge(`the key of a record of kind ${kind}`, key.length, KEY_LENGTH_MAX)
  if (text.length > RECORD_LENGTH_MAX) throw tooLarge(`record ${kind}/${key}`, text.length, RECORD_LENGTH_MAX)
}

function tooLarge(what: string, length: number, lengthMax: number): SomaError {
  return new SomaError('call/too-large', `${what} is ${length} characters long; the limit is ${lengthMax}`, {
    details: { length, lengthMax },
  })
}
