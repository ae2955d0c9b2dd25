import { VERIFY_PAGE_ENTRIES } from '../limits.ts'
import type { LogEntry } from './audit-log.ts'
import { GENESIS, chainHash } from './chain.ts'
import { type EntryRow, type EntryTable, readEntry } from './entry-table.ts'
import type { ProblemList } from './problem-list.ts'

export interface EntryWalkOptions {
  /** The last position to check; later entries are the next verification's. */
  readonly endSeq: number
  readonly visit?: ((entry: LogEntry) => void) | undefined
}

/** One pass over the chain, in pages. It names the entry that is wrong, not only that something is. */
export class EntryWalk {
  readonly #table: EntryTable
  readonly #found: ProblemList
  readonly #options: EntryWalkOptions
  /** The hashes that the next entry may follow; none when the one before is unknown. */
  #previousHashes: readonly string[] = [GENESIS.hash]
  #expectedSeq = 1
  #sound = 0

  constructor(table: EntryTable, found: ProblemList, options: EntryWalkOptions) {
    this.#table = table
    this.#found = found
    this.#options = options
  }

  /** @returns how many entries are sound. */
  async run(): Promise<number> {
    const { endSeq } = this.#options
    for (let after = 0; after < endSeq && !this.#found.isFull; await this.#found.pause()) {
      const limit = Math.min(VERIFY_PAGE_ENTRIES, endSeq - after)
      const rows = this.#page(after, limit)
      if (rows?.length === 0) break
      for (const row of rows ?? this.#salvage(after, limit)) this.#checkRow(row)
      // At least one further, whatever positions the rows claim to have: damage cannot keep the walk going for ever.
      after = rows ? Math.max(after + 1, this.#expectedSeq - 1) : after + limit
    }
    if (!this.#found.isFull) this.#checkGap(endSeq + 1)
    return this.#sound
  }

  #page(after: number, limit: number): EntryRow[] | undefined {
    try {
      return this.#table.rows(after, limit)
    } catch {
      return undefined
    }
  }

  /** Entry by entry, where SQLite cannot read the whole page. */
  *#salvage(after: number, limit: number): Generator<EntryRow> {
    for (let seq = after + 1; seq <= after + limit; seq++) {
      try {
        const row = this.#table.row(seq)
        if (row) yield row
      } catch (error) {
        yield { seq, unreadable: (error as Error).message }
      }
    }
  }

  #checkRow(row: EntryRow): void {
    const seq = Number(row['seq'])
    if (seq < this.#expectedSeq) return this.#found.report(`entry ${seq}`, `stands after entry ${this.#expectedSeq - 1}`)
    if (seq > this.#options.endSeq) return this.#found.report(`entry ${seq}`, 'lies beyond the end of the log')
    this.#checkGap(seq)
    this.#expectedSeq = seq + 1
    const entry = readEntry(row)
    if (entry) return this.#checkEntry(entry)
    this.#previousHashes = []
    this.#found.report(`entry ${seq}`, unreadable(row))
  }

  #checkGap(seq: number): void {
    const first = this.#expectedSeq
    if (seq === first) return
    this.#previousHashes = []
    this.#found.report(seq === first + 1 ? `entry ${first}` : `entries ${first}–${seq - 1}`, 'missing')
  }

  #checkEntry(entry: LogEntry): void {
    const hashes = this.#previousHashes.map((previous) => chainHash(previous, entry.body))
    const isSound = hashes.length === 0 || hashes.includes(entry.hash)
    // After a bad entry the next one may follow the hash that is stored or the one that its body gives: whichever of the
    // two halves was changed, only the entry itself is named.
    this.#previousHashes = isSound ? [entry.hash] : [entry.hash, ...hashes]
    if (!isSound) return this.#found.report(`entry ${entry.seq}`, 'its hash is not that of its body and its predecessor')
    this.#sound++
    this.#options.visit?.(entry)
  }
}

function unreadable(row: EntryRow): string {
  return typeof row['unreadable'] === 'string' ? row['unreadable'] : 'is not of the form that was written'
}
