import type { CallOutput } from '@soma/spec'
import { type LogEntry, type Store, unauditedKinds } from '@soma/store'
import { PAGE_ROWS, PROBLEMS_MAX } from '../limits.ts'
import { decodeEntry } from './entry.ts'

type Problem = CallOutput<'audit.verify'>['problems'][number]

/** Checks the chain, its checkpoints, and every record against the last write that the log knows of it. */
export async function verifyAudit(store: Store, signal: AbortSignal): Promise<CallOutput<'audit.verify'>> {
  const written = new Map<string, string | null>()
  const problems: Problem[] = []
  const begunAt = store.log.head.seq
  const verdict = await store.log.verify((entry) => collectEffects(entry, written, problems), { signal })
  problems.unshift(...verdict.problems)
  // From here to the records without a pause: what was written meanwhile is in them, so it must be known, too.
  for (const entry of entriesAfter(store, begunAt)) collectEffects(entry, written, problems)
  const records = store.records.digests()
  problems.push(...records.corrupt.map((record) => ({ where: `record ${record}`, what: 'its contents do not match its checksum' })))
  problems.push(...compareRecords(written, records.digests, new Set(records.corrupt)))
  return {
    ok: problems.length === 0,
    entries: verdict.entries,
    checkpoints: verdict.checkpoints,
    records: records.digests.size,
    problems: problems.slice(0, PROBLEMS_MAX),
    publicKeys: store.log.publicKeys,
  }
}

function* entriesAfter({ log }: Store, begunAt: number): Generator<LogEntry> {
  for (let seq = begunAt; seq < log.head.seq;) {
    const page = log.read({ afterSeq: seq, limit: PAGE_ROWS })
    yield* page
    seq = page.at(-1)?.seq ?? log.head.seq
  }
}

function collectEffects(entry: LogEntry, written: Map<string, string | null>, problems: Problem[]): void {
  try {
    for (const { record, digest } of decodeEntry(entry).effects) written.set(record, digest)
  } catch {
    problems.push({ where: `entry ${entry.seq}`, what: 'it is on the chain, but not an audit entry' })
  }
}

function compareRecords(
  written: ReadonlyMap<string, string | null>,
  stored: ReadonlyMap<string, string>,
  corrupt: ReadonlySet<string>,
): Problem[] {
  const problems: Problem[] = []
  for (const [record, digest] of written) {
    if (isUnaudited(record)) continue
    const found = stored.get(record)
    if (digest !== null && found === undefined && !corrupt.has(record))
      problems.push({ where: `record ${record}`, what: 'the log says it was written, and it is gone' })
    if (digest === null && found !== undefined)
      problems.push({ where: `record ${record}`, what: 'the log says it was deleted, and it is there' })
    if (digest !== null && found !== undefined && found !== digest && !corrupt.has(record))
      problems.push({ where: `record ${record}`, what: 'it is not what the log says was written last' })
  }
  for (const record of stored.keys())
    if (!written.has(record) && !isUnaudited(record))
      problems.push({ where: `record ${record}`, what: 'the log does not know who wrote it' })
  return problems
}

/** The log may know that it was deleted, with what it belonged to; it may be written again after that. */
function isUnaudited(record: string): boolean {
  return unauditedKinds.has(record.slice(0, record.indexOf('/')))
}
