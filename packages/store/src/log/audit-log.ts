import type { Checkpoint } from '@soma/spec'
import type { LogPublicKeys } from './checkpoint-signature.ts'

/** One link of the chain: `hash = sha256(previous hash as 64 hex digits ‖ body)`, lower-case hex. */
export interface LogEntry {
  readonly seq: number
  readonly body: string
  readonly hash: string
}

/** One thing that is wrong. */
export interface LogProblem {
  /** `entry 17`, `entries 20–31`, `checkpoint 3`, `head`, `table records`. */
  readonly where: string
  readonly what: string
}

export interface LogVerdict {
  readonly entries: number
  readonly checkpoints: number
  /** The first `PROBLEMS_MAX`; empty when all is well. */
  readonly problems: readonly LogProblem[]
}

/** The append-only, hash-chained log. Entries are appended by `Store.commit` only. */
export interface AuditLog {
  readonly head: { readonly seq: number; readonly hash: string }
  /** Entries with `seq > afterSeq`, oldest first. @throws {SomaError} `store/corrupt`. */
  read(options: { readonly afterSeq: number; readonly limit: number }): LogEntry[]
  /** The last `count` entries, oldest first. @throws {SomaError} `store/corrupt`. */
  last(count: number): LogEntry[]
  /** Signs the present head with Ed25519 and ML-DSA-65 and keeps the statement. @throws {SomaError} `store/disk-full`. */
  checkpoint(): Checkpoint
  /**
   * Checks the chain up to the present head, its end, every checkpoint, and the structure of the tables, page by page:
   * others get their turn in between, and may commit. `visit` sees each sound entry, so that callers check contents in the
   * same pass. Damage is reported, never thrown.
   */
  verify(visit?: (entry: LogEntry) => void, options?: { readonly signal?: AbortSignal | undefined }): Promise<LogVerdict>
  readonly publicKeys: LogPublicKeys
}
