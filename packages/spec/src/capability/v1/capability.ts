import { SomaError } from '@soma/core'
import { z } from 'zod'
import { PrioritySchema } from './priority.ts'

/** What may be done with a resource. */
export const rights = ['list', 'read', 'invoke', 'load', 'install', 'remove', 'manage'] as const
export type Right = (typeof rights)[number]
export const RightSchema = z.enum(rights)

/** Faces a capability can be bound to. */
export const faces = ['ipc', 'http', 'internal'] as const
export type Face = (typeof faces)[number]

/** `model/ocr`, or with one trailing `*` everything that begins so: `model/*`, `*`. */
export const ResourcePattern = z
  .string()
  .max(1024)
  .regex(/^([a-z]+\/[^*\s:,]*\*?|\*)$/, 'expected <noun>/<name>, <noun>/<prefix>* or *')

export const QuotaSchema = z
  .strictObject({
    /** Calls in all, or per `windowMs` when that is given. */
    calls: z.number().int().nonnegative(),
    windowMs: z
      .number()
      .int()
      .positive()
      .max(366 * 24 * 3600 * 1000)
      .optional(),
  })
  .meta({ id: 'Quota' })
export type Quota = z.output<typeof QuotaSchema>

export const ConstraintsSchema = z
  .strictObject({
    /** Only through these faces. */
    faces: z.array(z.enum(faces)).min(1).optional(),
    /** Attachments of one call, in bytes together. */
    inputBytesMax: z.number().int().nonnegative().optional(),
    /** Calls of models run at this priority at most: one that asks for more is lowered to it. */
    priorityMax: PrioritySchema.optional(),
  })
  .meta({ id: 'Constraints' })
export type Constraints = z.output<typeof ConstraintsSchema>

/** What a capability allows, without who holds it and where it came from. */
export const GrantSchema = z
  .strictObject({
    resource: ResourcePattern,
    rights: z.array(RightSchema).min(1),
    constraints: ConstraintsSchema.default({}),
    /** Milliseconds since the epoch, up to the last that a `Date` can name; null for never. */
    expiresAt: z.number().int().nonnegative().max(8_640_000_000_000_000).nullable().default(null),
    quota: QuotaSchema.nullable().default(null),
  })
  .meta({ id: 'Grant' })
export type Grant = z.output<typeof GrantSchema>

/** What a call needs its caller to hold. */
export interface Need {
  readonly resource: string
  readonly right: Right
  /** Any overlap is enough: the call lists things, and its handler shows only those the caller may see. */
  readonly any?: boolean
}

/** Whether everything `inner` names is also named by `outer`. Both are resource patterns or plain resources. */
export function covers(outer: string, inner: string): boolean {
  return outer.endsWith('*') ? inner.startsWith(outer.slice(0, -1)) : outer === inner
}

/** Whether two patterns name some resource in common. */
export function overlaps(a: string, b: string): boolean {
  return covers(a, b) || covers(b, a)
}

/**
 * Parses the short form `model/*:invoke,list` (`*` for all rights).
 * @throws {SomaError} `call/invalid-input` saying what is wrong with it.
 */
export function parseGrant(text: string): Pick<Grant, 'resource' | 'rights'> {
  const colon = text.lastIndexOf(':')
  const resource = ResourcePattern.safeParse(text.slice(0, Math.max(colon, 0)))
  const names = text.slice(colon + 1)
  const parsed = z
    .array(RightSchema)
    .min(1)
    .safeParse(names === '*' ? [...rights] : names.split(','))
  if (resource.success && parsed.success) return { resource: resource.data, rights: parsed.data }
  throw new SomaError(
    'call/invalid-input',
    `"${text}" is not a grant; expected <resource>:<right>[,<right>…] such as model/*:invoke, with rights ${rights.join(', ')} or *`,
  )
}

/** The short form of a grant, as `parseGrant` reads it. */
export function formatGrant(grant: Pick<Grant, 'resource' | 'rights'>): string {
  return `${grant.resource}:${grant.rights.length === rights.length ? '*' : grant.rights.join(',')}`
}
