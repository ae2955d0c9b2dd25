import { SomaError } from '@soma/core'
import { type CapabilityEntry, isRenewed, quotaLeft } from './entry.ts'

/**
 * Charges `calls` to entries and all their ancestors, once each, or to none of them.
 * @returns the entries whose usage changed, to be made durable with the next commit.
 * @throws {SomaError} `capability/quota-exhausted` naming the capability and when it refills.
 */
export function charge(entries: Iterable<CapabilityEntry>, calls: number, now: number): ReadonlySet<CapabilityEntry> {
  const limited = withQuota(entries)
  for (const entry of limited) if ((quotaLeft(entry, now) ?? Infinity) < calls) throw exhausted(entry, calls, now)
  for (const entry of limited) {
    const { usage } = entry
    if (isRenewed(entry, now)) Object.assign(usage, { windowStart: now, used: 0 })
    usage.used += calls
  }
  return limited
}

const none: ReadonlySet<CapabilityEntry> = new Set()

/** Those of the entries and their ancestors that have quotas. */
function withQuota(entries: Iterable<CapabilityEntry>): ReadonlySet<CapabilityEntry> {
  let limited: Set<CapabilityEntry> | undefined
  for (const entry of entries)
    for (let link: CapabilityEntry | null = entry; link; link = link.parent) if (link.grant.quota) (limited ??= new Set()).add(link)
  return limited ?? none
}

function exhausted({ id, grant, usage }: CapabilityEntry, calls: number, now: number): SomaError {
  const windowMs = grant.quota?.windowMs
  const retryAfterMs = windowMs === undefined ? null : usage.windowStart + windowMs - now
  const next = retryAfterMs === null ? 'ask its owner for another one' : `it refills in ${Math.ceil(retryAfterMs / 1000)} s`
  return new SomaError('capability/quota-exhausted', `the quota of ${grant.quota?.calls} calls of ${id} is used up; ${next}`, {
    details: { capability: id, calls, retryAfterMs },
    retryable: retryAfterMs !== null,
  })
}
