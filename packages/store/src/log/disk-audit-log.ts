import { join } from 'node:path'
import type { Checkpoint } from '@soma/spec'
import type { Database } from '../database/database.ts'
import type { StoreDeps } from '../store.ts'
import type { AuditLog, LogEntry, LogVerdict } from './audit-log.ts'
import { GENESIS, type Link, sameLink } from './chain.ts'
import { type LogPublicKeys, createCheckpointVerifier } from './checkpoint-signature.ts'
import { CheckpointTable } from './checkpoint-table.ts'
import { EntryTable } from './entry-table.ts'
import { HeadFile } from './head-file.ts'
import { type SigningKeys, openSigningKeys } from './signing-keys.ts'
import { verifyLog } from './verify-log.ts'

export interface LogFolders {
  readonly log: string
  readonly keys: string
  readonly temporary: string
}

/** The audit log in the database, with its signed checkpoints and the witness of its head beside it. */
export class DiskAuditLog implements AuditLog, Disposable {
  readonly #deps: StoreDeps
  readonly #database: Database
  readonly #keys: SigningKeys
  readonly #entries: EntryTable
  readonly #checkpoints: CheckpointTable
  readonly #headFile: HeadFile
  /** What was wrong with the end of the log when it was opened. The next commit writes over the evidence. */
  readonly #openingProblems: readonly string[]
  readonly #resources: DisposableStack
  #head: Link

  constructor(deps: StoreDeps, database: Database, folders: LogFolders) {
    this.#deps = deps
    this.#database = database
    this.#keys = openSigningKeys(database, folders)
    this.#entries = new EntryTable(database)
    using opened = new DisposableStack()
    this.#checkpoints = opened.use(new CheckpointTable(database, join(folders.log, 'checkpoints.jsonl')))
    this.#headFile = opened.use(new HeadFile(join(folders.log, 'head')))
    this.#checkpoints.recover(createCheckpointVerifier(this.#keys.publicKeys), deps.log)
    this.#head = this.#furthestHead()
    this.#openingProblems = this.#compareHeads()
    this.#resources = opened.move()
    for (const problem of this.#openingProblems) deps.log.error(`the audit log’s end is damaged: ${problem}`)
  }

  get head(): Link {
    return this.#head
  }

  get publicKeys(): LogPublicKeys {
    return this.#keys.publicKeys
  }

  /**
   * Where the log goes on. After a cut tail that is behind the gap, not on top of it: what is missing stays missing, and
   * every later verification finds it.
   */
  #furthestHead(): Link {
    const witness = this.#headFile.read()
    const candidates = [this.#entries.storedHead(), typeof witness === 'string' ? undefined : witness, this.#entries.lastLink()]
    return candidates.reduce<Link>((furthest, link) => (link && link.seq > furthest.seq ? link : furthest), GENESIS)
  }

  /** Compares the four places that know the end of the log: this object, the head row, the last entry, the witness. */
  #compareHeads(): string[] {
    const witness = this.#headFile.read()
    return [
      ...this.#compareHead('the head row', this.#entries.storedHead()),
      ...this.#compareHead('the last entry', this.#entries.lastLink()),
      ...(witness === 'damaged' ? ['log/head is unreadable'] : []),
      // Behind is what a power failure may leave: it is not synced.
      ...(typeof witness === 'object' && witness.seq >= this.#head.seq ? this.#compareHead('log/head', witness) : []),
    ]
  }

  #compareHead(name: string, link: Link | undefined): string[] {
    if (!link) return [`${name} is unreadable`]
    if (sameLink(link, this.#head)) return []
    return [`${name} is ${describe(link)}, but the log ends with ${describe(this.#head)}`]
  }

  read(options: { readonly afterSeq: number; readonly limit: number }): LogEntry[] {
    return this.#entries.read(options.afterSeq, options.limit)
  }

  last(count: number): LogEntry[] {
    return this.#entries.last(count)
  }

  /** Adds entries inside the caller's transaction; `settle` makes them count. */
  append(bodies: readonly string[]): LogEntry[] {
    return this.#entries.append(this.#head, bodies)
  }

  /** Writes the head again, inside the caller's transaction: something must be written for a transaction to be synced. */
  touch(): void {
    this.#entries.putHead(this.#head)
  }

  /** The entries are committed. The witness follows what is synced: it must never know of more than the disk does. */
  settle(entries: readonly LogEntry[], { sync }: { readonly sync: boolean }): void {
    const last = entries.at(-1)
    if (last) this.#head = { seq: last.seq, hash: last.hash }
    if (!sync || this.#head.seq === 0) return
    try {
      this.#headFile.write(this.#head)
    } catch (error) {
      // The commit is done and must be acknowledged; a stale witness only weakens one of four checks.
      this.#deps.log.error('log/head could not be written', { error })
    }
  }

  checkpoint(): Checkpoint {
    const checkpoint = this.#keys.sign({ ...this.#head, at: this.#deps.clock.now() })
    this.#checkpoints.add(checkpoint)
    return checkpoint
  }

  async verify(visit?: (entry: LogEntry) => void, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<LogVerdict> {
    return verifyLog(
      { database: this.#database, entries: this.#entries, checkpoints: this.#checkpoints },
      {
        head: this.#head,
        headProblems: new Set([...this.#openingProblems, ...this.#compareHeads()]),
        publicKeys: this.publicKeys,
        visit,
        signal: options.signal,
      },
    )
  }

  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]()
  }
}

function describe(link: Link): string {
  return `entry ${link.seq} (${link.hash.slice(0, 12)}…)`
}
