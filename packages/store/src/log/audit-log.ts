import type { Checkpoint } from '@soma/spec'

/** One link of the chain: `hash = sha256(previous hash ‖ body)`, lower-case hex. */
export interface LogEntry {
  readonly seq: number
  readonly body: string
  readonly hash: string
}

export interface LogProblem {
  /** `entry 17`, `checkpoint 3`, `record package/ocr`, `head`. */
  readonly where: string
  readonly what: string
}

export interface LogVerdict {
  readonly entries: number
  readonly checkpoints: number
  readonly problems: readonly LogProblem[]
}

/** The append-only, hash-chained log. Entries are appended by `Store.commit` only. */
export interface AuditLog {
  readonly head: { readonly seq: number; readonly hash: string }
  /** Entries with `seq > afterSeq`, oldest first. */
  read(options: { readonly afterSeq: number; readonly limit: number }): LogEntry[]
  /** The last `count` entries, oldest first. */
  last(count: number): LogEntry[]
  /** Signs the present head with Ed25519 and ML-DSA-65 and keeps the statement. */
  checkpoint(): Checkpoint
  /** Checks the chain, its end, and every checkpoint. `visit` sees each sound entry, so that callers check contents in the same pass. */
  verify(visit?: (entry: LogEntry) => void): LogVerdict
  /** base64url of the raw public keys. */
  readonly publicKeys: { readonly ed25519: string; readonly mlDsa65: string }
}
