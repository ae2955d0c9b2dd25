import { type CapabilityId, type PrincipalId, assert } from '@soma/core'
import { type Caller, type Need, type Priority, covers, isMoreUrgent, overlaps } from '@soma/spec'
import { type CapabilityEntry, isExpired, quotaLeft } from './entry.ts'

/** What a call asks of the table. */
export interface Demand {
  readonly caller: Caller
  readonly need: Need
  /** Bytes of the input's attachments. */
  readonly inputBytes: number
}

/** Why no capability allows something: the nearest miss, for the error message. */
export type Refusal = 'none' | 'expired' | 'face' | 'input-bytes'

/**
 * The capability table in memory. Revoked entries are not in it: whatever is found here is in force, apart from its
 * expiry. An entry is never stronger than its parent (checked when it is derived), so one entry alone decides.
 */
export class CapabilityTable {
  readonly #byId = new Map<CapabilityId, CapabilityEntry>()
  readonly #byHolder = new Map<PrincipalId, Set<CapabilityEntry>>()

  get size(): number {
    return this.#byId.size
  }

  get(id: CapabilityId): CapabilityEntry | undefined {
    return this.#byId.get(id)
  }

  all(): Iterable<CapabilityEntry> {
    return this.#byId.values()
  }

  heldBy(holder: PrincipalId): Iterable<CapabilityEntry> {
    return this.#byHolder.get(holder) ?? []
  }

  add(entry: CapabilityEntry): void {
    assert(!this.#byId.has(entry.id), `capability ${entry.id} is in the table once`)
    this.#byId.set(entry.id, entry)
    entry.parent?.children.add(entry)
    const held = this.#byHolder.get(entry.holder) ?? new Set()
    this.#byHolder.set(entry.holder, held.add(entry))
  }

  /** Takes an entry and all its descendants out, ancestors first. */
  remove(root: CapabilityEntry): void {
    for (const entry of subtree(root)) {
      this.#byId.delete(entry.id)
      const held = this.#byHolder.get(entry.holder)
      held?.delete(entry)
      if (held?.size === 0) this.#byHolder.delete(entry.holder)
    }
    root.parent?.children.delete(root)
  }

  /** The capability of the caller that allows the demand, of those with quota left the one with the highest priority; or why there is none. */
  find(demand: Demand, now: number): CapabilityEntry | Refusal {
    let refusal: Refusal = 'none'
    let exhausted: CapabilityEntry | undefined
    let best: CapabilityEntry | undefined
    for (const entry of this.heldBy(demand.caller.principal)) {
      if (!matches(entry, demand.need)) continue
      const miss = obstacle(entry, demand, now)
      if (miss !== undefined) refusal = miss
      else if (quotaLeft(entry, now) === 0) exhausted ??= entry
      else if (entry.grant.constraints.priorityMax === undefined) return entry
      else if (best === undefined || isMoreUrgent(priorityMaxOf(entry), priorityMaxOf(best))) best = entry
    }
    return best ?? exhausted ?? refusal
  }

  /** Whether the caller holds a capability for `need`, quotas and sizes aside. */
  holds(caller: Caller, need: Need, now: number): boolean {
    return typeof this.find({ caller, need, inputBytes: 0 }, now) === 'object'
  }
}

/** An entry and its descendants, ancestors first. */
export function subtree(root: CapabilityEntry): CapabilityEntry[] {
  const found = [root]
  for (const entry of found) for (const child of entry.children) found.push(child)
  return found
}

function priorityMaxOf({ grant }: CapabilityEntry): Priority {
  return grant.constraints.priorityMax ?? 'realtime'
}

function matches({ grant }: CapabilityEntry, { resource, right, any }: Need): boolean {
  return grant.rights.includes(right) && (any ? overlaps(grant.resource, resource) : covers(grant.resource, resource))
}

function obstacle(entry: CapabilityEntry, { caller, inputBytes }: Demand, now: number): Exclude<Refusal, 'none'> | undefined {
  const { grant } = entry
  if (isExpired(entry, now)) return 'expired'
  if (grant.constraints.faces && !grant.constraints.faces.includes(caller.face)) return 'face'
  if (grant.constraints.inputBytesMax !== undefined && inputBytes > grant.constraints.inputBytesMax) return 'input-bytes'
  return undefined
}
