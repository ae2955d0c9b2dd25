import { SomaError } from '@soma/core'
import { type AuditEntry, AuditEntrySchema } from '@soma/spec'
import type { LogEntry } from '@soma/store'

/** An audit entry before the log has given it its place and hash. */
export type AuditBody = Omit<AuditEntry, 'seq' | 'hash'>

export type Effect = AuditEntry['effects'][number]

const BodySchema = AuditEntrySchema.omit({ seq: true, hash: true })

/** A body with everything absent that only some entries have. */
export function auditBody(fields: Pick<AuditBody, 'at' | 'kind' | 'name' | 'principal' | 'face'> & Partial<AuditBody>): AuditBody {
  return { call: null, capability: null, digest: null, attachments: null, status: null, durationUs: null, effects: [], ...fields }
}

/** The log's text of an entry, which its hash covers. */
export function encodeBody(body: AuditBody): string {
  return JSON.stringify(body)
}

/**
 * @returns the entry as calls show it.
 * @throws {SomaError} `audit/corrupt` naming the entry, when its text is not one of ours.
 */
export function decodeEntry({ seq, hash, body }: LogEntry): AuditEntry {
  try {
    return { seq, hash, ...BodySchema.parse(JSON.parse(body)) }
  } catch (cause) {
    throw new SomaError('audit/corrupt', `audit entry ${seq} cannot be read; soma audit verify says what else is wrong`, {
      cause,
      details: { seq },
    })
  }
}
