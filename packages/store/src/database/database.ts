import { chmodSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { SomaError } from '@soma/core'
import { migrations } from './migrations.ts'
import { corruptError, isSqliteError, translateSqliteError } from './sqlite-error.ts'

/** "soma" in ASCII, in the file's header: another program's database is not taken for ours. */
const APPLICATION_ID = 0x736f6d61

/**
 * The one connection. WAL with `synchronous=FULL`: a commit is on disk when it returns. `locking_mode=EXCLUSIVE` makes
 * this process the only owner by a lock of the file itself, which the system releases however the process ends; it also
 * spares the shared memory file.
 *
 * Nothing in this process may open `path` by other means: closing any descriptor of a file drops all POSIX locks on it.
 */
export class Database implements Disposable {
  readonly path: string
  readonly #sqlite: DatabaseSync
  #syncs = true

  /** @throws {SomaError} `store/locked`, `store/corrupt`, `store/newer-schema`, `store/disk-full`. */
  constructor(path: string) {
    this.path = path
    this.#sqlite = this.guard(() => new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: false }))
    try {
      this.guard(() => this.#open())
    } catch (error) {
      this.#sqlite.close()
      throw this.#schemaError(error)
    }
  }

  #open(): void {
    const sqlite = this.#sqlite
    sqlite.exec('PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL')
    // The WAL shrinks again after a huge batch; cell sizes are checked so that damage is an error and not wrong rows.
    sqlite.exec('PRAGMA journal_size_limit=67108864; PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF')
    chmodSync(this.path, 0o600)
    this.#migrate()
  }

  #migrate(): void {
    const present = this.#pragma('user_version')
    if (present > migrations.length) throw newerSchema(this.path, present)
    if (present > 0 && this.#pragma('application_id') !== APPLICATION_ID) throw corruptError(this.path, 'it is not a database of Soma')
    for (let version = present + 1; version <= migrations.length; version++)
      this.transaction(() => {
        this.#sqlite.exec(`${migrations[version - 1]}; PRAGMA user_version=${version}; PRAGMA application_id=${APPLICATION_ID}`)
      })
  }

  #pragma(name: string): number {
    return Number(this.#sqlite.prepare(`PRAGMA ${name}`).get()?.[name])
  }

  /** @throws {SomaError} `store/corrupt` when the tables are not those that the migrations made. */
  prepare(sql: string): StatementSync {
    try {
      return this.guard(() => this.#sqlite.prepare(sql))
    } catch (error) {
      throw this.#schemaError(error)
    }
  }

  /** SQLite cannot tell a damaged schema from wrong SQL. Ours is not wrong, as every start shows. */
  #schemaError(error: unknown): unknown {
    return isSqliteError(error) ? corruptError(this.path, (error as Error).message, error) : error
  }

  /**
   * Runs `action` as one transaction: durable when this returns, undone when it throws. Without `sync` it survives the end of
   * this process but not yet a power failure; the next transaction with it makes both durable.
   */
  transaction<T>(action: () => T, { sync = true }: { readonly sync?: boolean } = {}): T {
    return this.guard(() => {
      this.#setSync(sync)
      this.#sqlite.exec('BEGIN IMMEDIATE')
      try {
        const result = action()
        this.#sqlite.exec('COMMIT')
        return result
      } catch (error) {
        // A full disk makes SQLite roll back by itself.
        if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK')
        throw error
      }
    })
  }

  #setSync(sync: boolean): void {
    if (sync === this.#syncs) return
    this.#sqlite.exec(sync ? 'PRAGMA synchronous=FULL' : 'PRAGMA synchronous=NORMAL')
    this.#syncs = sync
  }

  /** Runs `action` and turns SQLite's errors into `SomaError`s. */
  guard<T>(action: () => T): T {
    try {
      return action()
    } catch (error) {
      throw translateSqliteError(error, this.path)
    }
  }

  /** What SQLite finds wrong with the structure of `table` and its indexes; empty when nothing. */
  check(table: string): string[] {
    try {
      const rows = this.prepare(`PRAGMA integrity_check(${table})`).all()
      return rows.map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok')
    } catch (error) {
      return [(error as Error).message]
    }
  }

  [Symbol.dispose](): void {
    if (this.#sqlite.isOpen) this.#sqlite.close()
  }
}

function newerSchema(path: string, version: number): SomaError {
  const message = `${path} has schema ${version}, this Soma knows ${migrations.length}; update Soma, or use another data directory`
  return new SomaError('store/newer-schema', message, { details: { path, version, known: migrations.length } })
}
