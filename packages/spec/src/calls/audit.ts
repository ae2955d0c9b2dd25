import { z } from 'zod'
import { defineCall } from './define-call.ts'
import { CallIdSchema, CapabilityIdSchema, Limit, Nothing, Timestamp } from './values.ts'

const Digest = z.string().regex(/^[0-9a-f]{64}$/)

/** One link of the chain. `hash` covers the previous hash and everything here. */
export const AuditEntrySchema = z
  .strictObject({
    seq: z.number().int().positive(),
    at: Timestamp,
    hash: Digest,
    /** `call`: begun and ended before its group was committed, which most are. `begin` and `end`: a longer one. */
    kind: z.enum(['call', 'begin', 'end', 'system']),
    call: CallIdSchema.nullable(),
    /** Call name, or what the system did: `system.started`. */
    name: z.string(),
    principal: z.string(),
    face: z.string(),
    /** Capability that allowed it; null when refused. */
    capability: CapabilityIdSchema.nullable(),
    /** Digest of the input without attachments; in `call` and `begin`. */
    input: Digest.nullable(),
    /** Digest of the input's attachments, where there were any; in `call` and `end`, as is all that follows. */
    attachments: Digest.nullable(),
    /** Digest of the output without attachments. */
    output: Digest.nullable(),
    /** `ok` or an error code. */
    status: z.string().nullable(),
    durationUs: z.number().nullable(),
    /** Records the call wrote, each `kind/key` with the digest of its new contents; null for a deletion. */
    effects: z.array(z.strictObject({ record: z.string(), digest: Digest.nullable() })),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.output<typeof AuditEntrySchema>

export const auditList = defineCall({
  name: 'audit.list',
  summary: 'List audit entries, oldest first: the last ones, or those after a position.',
  input: z.strictObject({ afterSeq: z.number().int().nonnegative().optional(), call: CallIdSchema.optional(), limit: Limit.default(50) }),
  output: z.strictObject({ entries: z.array(AuditEntrySchema), nextSeq: z.number() }),
  right: () => ({ resource: 'audit/log', right: 'read' }),
  http: 'GET /v1/audit',
  errors: [],
})

export const auditTail = defineCall({
  name: 'audit.tail',
  summary: 'Receive the last audit entries and then new ones as they are committed.',
  input: z.strictObject({ last: z.number().int().nonnegative().max(1000).default(10) }),
  events: AuditEntrySchema,
  output: Nothing,
  endless: true,
  right: () => ({ resource: 'audit/log', right: 'read' }),
  http: 'GET /v1/audit/tail',
  errors: [],
})

const CheckpointSchema = z
  .strictObject({ seq: z.number(), hash: Digest, at: Timestamp, ed25519: z.string(), mlDsa65: z.string() })
  .meta({ id: 'Checkpoint', description: 'A signed statement that the log had this hash at this length; signatures are base64url.' })
export type Checkpoint = z.output<typeof CheckpointSchema>

export const auditVerify = defineCall({
  name: 'audit.verify',
  summary: 'Check the whole audit chain, its signed checkpoints, and every record against its last audited write.',
  input: Nothing,
  output: z.strictObject({
    ok: z.boolean(),
    entries: z.number(),
    checkpoints: z.number(),
    records: z.number(),
    /** The first problems found, worst first; empty when all is well. */
    problems: z.array(z.strictObject({ where: z.string(), what: z.string() })),
    publicKeys: z.strictObject({ ed25519: z.string(), mlDsa65: z.string() }),
  }),
  right: () => ({ resource: 'audit/log', right: 'read' }),
  http: 'GET /v1/audit/verify',
  errors: [],
})

export const auditCheckpoint = defineCall({
  name: 'audit.checkpoint',
  summary: 'Sign the log’s present state; the answer can be kept elsewhere as proof.',
  input: Nothing,
  output: z.strictObject({ checkpoint: CheckpointSchema }),
  right: () => ({ resource: 'audit/log', right: 'manage' }),
  mutates: true,
  http: 'POST /v1/audit/checkpoints',
  errors: [],
})
