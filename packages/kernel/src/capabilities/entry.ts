import type { CapabilityId, PrincipalId } from '@soma/core'
import { type Capability, CapabilitySchema, type Grant } from '@soma/spec'
import { z } from 'zod'

/** A capability as its record keeps it: without the usage, which changes with every call. */
export const CapabilityRecord = CapabilitySchema.omit({ quotaLeft: true })

/** How much of a quota has been used. `windowStart` is 0 for quotas without a window. */
export const QuotaUsage = z.strictObject({ used: z.number(), windowStart: z.number() })
export type QuotaUsage = z.output<typeof QuotaUsage>

/** One entry of the kernel's table, with its place in the tree. */
export interface CapabilityEntry {
  readonly id: CapabilityId
  readonly parent: CapabilityEntry | null
  readonly holder: PrincipalId
  readonly grant: Grant
  readonly label: string
  readonly createdAt: number
  readonly depth: number
  readonly children: Set<CapabilityEntry>
  readonly usage: { used: number; windowStart: number }
}

/** A new entry, not yet in any table. */
export type NewCapability = Pick<CapabilityEntry, 'id' | 'parent' | 'holder' | 'grant' | 'label' | 'createdAt'>

export function createEntry(fresh: NewCapability): CapabilityEntry {
  return { ...fresh, depth: fresh.parent ? fresh.parent.depth + 1 : 0, children: new Set(), usage: { used: 0, windowStart: 0 } }
}

/** The record of an entry. */
export function toRecord(entry: NewCapability): z.output<typeof CapabilityRecord> {
  const { resource, rights, constraints, expiresAt, quota } = entry.grant
  const { id, holder, label, createdAt } = entry
  return { id, parent: entry.parent?.id ?? null, holder, resource, rights, constraints, expiresAt, quota, label, createdAt }
}

/** The entry as calls show it. */
export function toCapability(entry: CapabilityEntry, now: number): Capability {
  return { ...toRecord(entry), quotaLeft: quotaLeft(entry, now) }
}

/** From `expiresAt` on it allows nothing. */
export function isExpired({ grant: { expiresAt } }: CapabilityEntry, now: number): boolean {
  return expiresAt !== null && now >= expiresAt
}

/** Calls left; null without a quota. */
export function quotaLeft(entry: CapabilityEntry, now: number): number | null {
  const { quota } = entry.grant
  if (!quota) return null
  return isRenewed(entry, now) ? quota.calls : Math.max(0, quota.calls - entry.usage.used)
}

/** Whether the window of the last call is over. One that begins in the future shows a clock that was set back, and ends too. */
export function isRenewed({ grant: { quota }, usage }: CapabilityEntry, now: number): boolean {
  return quota?.windowMs !== undefined && Math.abs(now - usage.windowStart) >= quota.windowMs
}
