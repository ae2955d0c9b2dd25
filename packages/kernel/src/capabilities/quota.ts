import { SomaError } from '@soma/core'
import { type CapabilityEntry, quotaLeft } from './entry.ts'

/**
 * Charges `calls` to an entry and all its ancestors, or to none of them.
 * @returns the entries whose usage changed, to be made durable with the next commit.
 * @throws {SomaError} `capability/quota-exhausted` naming the capability and when it refills.
 */
export function charge(entry: CapabilityEntry, calls: number, now: number): readonly CapabilityEntry[] {
  const limited = chain(entry)
  for (const link of limited) if ((quotaLeft(link, now) ?? Infinity) < calls) throw exhausted(link, calls, now)
  for (const { grant, usage } of limited) {
    const windowMs = grant.quota?.windowMs
    if (windowMs !== undefined && now >= usage.windowStart + windowMs) {
      usage.windowStart = now
      usage.used = 0
    }
    usage.used += calls
  }
  return limited
}

const none: readonly CapabilityEntry[] = []

/** The entry and its ancestors that have quotas. */
function chain(entry: CapabilityEntry): readonly CapabilityEntry[] {
  let limited: CapabilityEntry[] | undefined
  for (let link: CapabilityEntry | null = entry; link; link = link.parent) if (link.grant.quota) (limited ??= []).push(link)
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
