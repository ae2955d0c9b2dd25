import type { Database } from '../database/database.ts'
import type { LogEntry, LogVerdict } from './audit-log.ts'
import type { Link } from './chain.ts'
import { type LogPublicKeys, createCheckpointVerifier } from './checkpoint-signature.ts'
import type { CheckpointTable } from './checkpoint-table.ts'
import { CheckpointWalk } from './checkpoint-walk.ts'
import type { EntryTable } from './entry-table.ts'
import { EntryWalk } from './entry-walk.ts'
import { ProblemList } from './problem-list.ts'

export interface LogParts {
  readonly database: Database
  readonly entries: EntryTable
  readonly checkpoints: CheckpointTable
}

export interface VerifyOptions {
  readonly head: Link
  /** What is wrong with the end of the log. */
  readonly headProblems: Iterable<string>
  readonly publicKeys: LogPublicKeys
  readonly visit: ((entry: LogEntry) => void) | undefined
  readonly signal: AbortSignal | undefined
}

/** Tables whose structure SQLite checks. Not `log`: it is walked entry by entry, and may be too large for one go. */
const checkedTables = ['records', 'events', 'head', 'checkpoints', 'signing_keys'] as const

/** Verifies the log as it stands now. Takes its bearings before the first pause, so that it may go on growing meanwhile. */
export async function verifyLog({ database, entries, checkpoints }: LogParts, options: VerifyOptions): Promise<LogVerdict> {
  const { head, visit } = options
  const found = new ProblemList(options.signal)
  const entryWalk = new EntryWalk(entries, found, { endSeq: head.seq, visit })
  const checkpointWalk = new CheckpointWalk({ entries, checkpoints }, found, {
    head,
    lastNumber: checkpoints.lastNumber,
    fileSizeBytes: checkpoints.sizeBytes,
    verifier: createCheckpointVerifier(options.publicKeys),
  })
  for (const what of options.headProblems) found.report('head', what)
  for (const table of checkedTables) for (const what of database.check(table)) found.report(`table ${table}`, what)
  const entryCount = await entryWalk.run()
  const checkpointCount = await checkpointWalk.run()
  return { entries: entryCount, checkpoints: checkpointCount, problems: found.problems }
}
