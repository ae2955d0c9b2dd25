import { type BlobDigest, type CallId, type CapabilityId, type PrincipalId, isBlobDigest, isCallId, isCapabilityId } from '@soma/core'
import { z } from 'zod'
import { Json } from '../smi/v1/json.ts'
import { rights } from '../capability/v1/capability.ts'
import { PrioritySchema } from '../capability/v1/priority.ts'

/** Any JSON value. */
export const JsonSchema = Json
/** An input of a call that takes none. */
export const Nothing = z.strictObject({})

/** Name of an installed model: lower case, so that names do not differ by case alone. */
export const ModelName = z
  .string()
  .max(128)
  .regex(/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/, 'expected lower-case letters, digits, dots, dashes and underscores')
export const EngineId = z
  .string()
  .max(32)
  .regex(/^[a-z][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes')
/** Milliseconds since the epoch. */
export const Timestamp = z.number().int().nonnegative()
export const ByteCount = z.number().int().nonnegative()
/** Records asked for at once. */
export const Limit = z.number().int().positive().max(1000)

/** The patterns are for readers of the JSON Schema, where a refinement does not show. */
export const CapabilityIdSchema = z
  .string()
  .refine((text): text is CapabilityId => isCapabilityId(text), 'expected cap_ and 16 characters')
  .meta({ pattern: '^cap_[0-9a-z]{16}$' })
export const CallIdSchema = z
  .string()
  .refine((text): text is CallId => isCallId(text), 'expected call_ and 16 characters')
  .meta({ pattern: '^call_[0-9a-z]{16}$' })
export const BlobDigestSchema = z
  .string()
  .refine((text): text is BlobDigest => isBlobDigest(text), 'expected sha256: and 64 hex digits')
  .meta({ pattern: '^sha256:[0-9a-f]{64}$' })
export const PrincipalSchema = z
  .string()
  .regex(/^(owner|anonymous|token:tok_[0-9a-z]{16})$/, 'expected owner, anonymous or token:<id>')
  .transform((text) => text as PrincipalId)

/** A capability as the table of capabilities shows it. */
export const CapabilitySchema = z
  .strictObject({
    id: CapabilityIdSchema,
    parent: CapabilityIdSchema.nullable(),
    holder: PrincipalSchema,
    resource: z.string(),
    rights: z.array(z.enum(rights)),
    constraints: z.strictObject({
      faces: z.array(z.enum(['ipc', 'http', 'internal'])).optional(),
      inputBytesMax: z.number().optional(),
      priorityMax: PrioritySchema.optional(),
    }),
    expiresAt: Timestamp.nullable(),
    quota: z.strictObject({ calls: z.number(), windowMs: z.number().optional() }).nullable(),
    /** Calls left of the quota; null without one. */
    quotaLeft: z.number().nullable(),
    label: z.string(),
    createdAt: Timestamp,
  })
  .meta({ id: 'Capability' })
export type Capability = z.output<typeof CapabilitySchema>

/** Something that happened, as subscribers see it. */
export const EventSchema = z
  .strictObject({
    /** Position in the event log; grows by at least one. 0 for events that are not kept. */
    seq: z.number().int().nonnegative(),
    at: Timestamp,
    /** `noun.verbed`, e.g. `model.installed`. `event.missed` says how many were dropped for a slow subscriber. */
    name: z.string().max(64),
    /** What it is about, e.g. `model/ocr`: also the resource that decides who may see it. */
    resource: z.string().max(1024),
    data: z.record(z.string(), JsonSchema),
  })
  .meta({ id: 'Event' })
export type SomaEvent = z.output<typeof EventSchema>

/** Whether a flag of an input is set. Rights are also asked for with an input whose every field reads as its own name. */
export function isSet(flag: unknown): boolean {
  return flag === true
}
