import { SomaError } from '@soma/core'
import { type AuditEntry, AuditEntrySchema } from '@soma/spec'
import type { LogEntry } from '@soma/store'

/** An audit entry before the log has given it its place and hash. */
export type AuditBody = Omit<AuditEntry, 'seq' | 'hash'>

export type Effect = AuditEntry['effects'][number]

const BodySchema = AuditEntrySchema.omit({ seq: true, hash: true })

/** What an entry says; what it does not say is null, or no effects. */
export type AuditFacts = Pick<AuditBody, 'at' | 'kind' | 'name' | 'principal' | 'face'> & Partial<AuditBody>

/** What is known of a call only when it has ended. */
export type Outcome = Pick<AuditFacts, 'attachments' | 'output' | 'status' | 'durationUs' | 'effects'>

const unsaid: Omit<AuditBody, 'at' | 'kind' | 'name' | 'principal' | 'face'> = {
  call: null,
  capability: null,
  input: null,
  attachments: null,
  output: null,
  status: null,
  durationUs: null,
  effects: [],
}

/** The log's text of an entry, which its hash covers. Only what is said is written: half the bytes of every call. */
export function encodeFacts(facts: AuditFacts): string {
  return JSON.stringify(facts)
}

/**
 * @returns the entry as calls show it.
 * @throws {SomaError} `audit/corrupt` naming the entry, when its text is not one of ours.
 */
export function decodeEntry({ seq, hash, body }: LogEntry): AuditEntry {
  try {
    return { seq, hash, ...BodySchema.parse({ ...unsaid, ...(JSON.parse(body) as object) }) }
  } catch (cause) {
    throw new SomaError('audit/corrupt', `audit entry ${seq} cannot be read; soma audit verify says what else is wrong`, {
      cause,
      details: { seq },
    })
  }
}
