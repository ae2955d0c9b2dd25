import { type Log, type SomaError, isSomaError } from '@soma/core'
import type { Store } from '@soma/store'
import { RECORDS_PAGE } from './limits.ts'
import { corruptRecord } from './record.ts'

export interface PagedRecordsDeps {
  readonly store: Store
  readonly log: Log
}

/** What a record is, or why it cannot be read. */
export type Parsed<T> = { readonly sound: T } | { readonly corrupt: SomaError }

/**
 * The records of one kind, each read and parsed once. Thousands take half a second: they are read a page at a time, ahead of need,
 * or the rest at once when somebody needs all of them.
 */
export class PagedRecords<T> {
  readonly #deps: PagedRecordsDeps
  readonly #kind: string
  readonly #parse: (key: string, value: unknown) => T
  readonly #found: (key: string, parsed: Parsed<T>) => void
  #after = ''
  #isDone = false

  constructor(
    deps: PagedRecordsDeps,
    kind: string,
    { parse, found }: { readonly parse: (key: string, value: unknown) => T; readonly found: (key: string, parsed: Parsed<T>) => void },
  ) {
    this.#deps = deps
    this.#kind = kind
    this.#parse = parse
    this.#found = found
  }

  get isDone(): boolean {
    return this.#isDone
  }

  /** Reads one more page. @returns whether there may be another. */
  step(): boolean {
    if (this.#isDone) return false
    const rows = this.#deps.store.records.scan(this.#kind, { after: this.#after, limit: RECORDS_PAGE })
    for (const row of rows) this.#found(row.key, 'corrupt' in row ? this.#corrupt(row.key, row.corrupt) : this.#read(row.key, row.value))
    const last = rows.at(-1)
    // A file that is damaged there cannot be read on.
    this.#isDone = rows.length < RECORDS_PAGE || last === undefined || last.key <= this.#after
    this.#after = last?.key ?? this.#after
    return !this.#isDone
  }

  /** Reads all that is left. */
  finish(): void {
    while (this.step());
  }

  /** Reads one record by its key, whatever else was read. */
  one(key: string): Parsed<T> | undefined {
    try {
      const row = this.#deps.store.records.get(this.#kind, key)
      return row && this.#read(key, row.value)
    } catch (error) {
      if (!isSomaError(error, 'store/corrupt')) throw error
      return this.#corrupt(key, error.message)
    }
  }

  #read(key: string, value: unknown): Parsed<T> {
    try {
      return { sound: this.#parse(key, value) }
    } catch (error) {
      if (!isSomaError(error)) throw error
      return this.#report(key, error)
    }
  }

  #corrupt(key: string, reason: string): Parsed<T> {
    return this.#report(key, corruptRecord(this.#kind, key, reason))
  }

  #report(key: string, corrupt: SomaError): Parsed<T> {
    this.#deps.log.error('a record of a model is corrupt; it is left out', { record: `${this.#kind}/${key}`, error: corrupt })
    return { corrupt }
  }
}
