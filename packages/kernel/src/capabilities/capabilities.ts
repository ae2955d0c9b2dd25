import { ANONYMOUS, type CapabilityId, OWNER, type PrincipalId, SomaError, assert, randomId } from '@soma/core'
import { type Caller, type Grant, type Need, type Right, formatGrant, rights } from '@soma/spec'
import { QUOTA_KIND, type Store } from '@soma/store'
import type { KernelDeps } from '../deps.ts'
import { CAPABILITIES_MAX, DERIVATION_DEPTH_MAX } from '../limits.ts'
import { excess } from './attenuate.ts'
import { CapabilityTable, type Demand, type Refusal } from './capability-table.ts'
import { readRecords } from './read-records.ts'
import { type CapabilityEntry, CapabilityRecord, type NewCapability, QuotaUsage, createEntry, isExpired } from './entry.ts'

export const CAPABILITY_KIND = 'capability'

/** The kernel's authority: its table, and the rules by which entries come and go. */
export class Capabilities {
  readonly table = new CapabilityTable()
  readonly #deps: KernelDeps

  constructor(deps: KernelDeps) {
    this.#deps = deps
  }

  /** Fills the table from the store. Parents are added before their children, whatever order the records come in. */
  load(store: Store): void {
    const records = new Map(readRecords({ ...this.#deps, store }, CAPABILITY_KIND, CapabilityRecord).sound)
    const add = (id: string): CapabilityEntry | null => {
      const known = this.table.get(id as CapabilityId)
      const record = records.get(id)
      if (known || !record) return known ?? null
      // Taken out before its parent is asked for, so that a circle of parents, too, is a missing parent.
      records.delete(id)
      const { id: own, holder, label, createdAt, parent, ...grant } = record
      const parentEntry = parent === null ? null : add(parent)
      // A child without its parent can only come from a damaged store: leaving it out is the safe side.
      if (parent !== null && parentEntry === null) return null
      const entry = createEntry({ id: own, holder, label, createdAt, parent: parentEntry, grant })
      this.table.add(entry)
      return entry
    }
    for (const id of records.keys()) add(id)
    this.#loadUsage(store)
  }

  /** What nobody knows any more how much of it was used counts as used up. */
  #loadUsage(store: Store): void {
    const { sound, damaged } = readRecords({ ...this.#deps, store }, QUOTA_KIND, QuotaUsage)
    const usedUp: QuotaUsage = { used: Number.MAX_SAFE_INTEGER, windowStart: this.#deps.clock.now() }
    for (const [key, usage] of [...sound, ...damaged.map((key) => [key, usedUp] as const)])
      Object.assign(this.table.get(key as CapabilityId)?.usage ?? {}, usage)
  }

  /** Whether the owner holds the root that everything is derived from. */
  get hasRoot(): boolean {
    return [...this.table.heldBy(OWNER)].some(({ parent }) => parent === null)
  }

  /** What a new installation starts with: the owner may do everything, everybody on this machine may ask for its health. */
  initial(): readonly CapabilityEntry[] {
    const grant: Grant = { resource: '*', rights: [...rights], constraints: {}, expiresAt: null, quota: null }
    const root = createEntry(this.#fresh(null, OWNER, grant, 'everything'))
    const health: Grant = { ...grant, resource: 'system/health', rights: ['read'] }
    return [root, createEntry(this.#fresh(root, ANONYMOUS, health, 'health for everybody on this machine'))]
  }

  /**
   * The capability that allows a demand.
   * @throws {SomaError} `capability/denied` saying what is missing.
   */
  authorize(demand: Demand): CapabilityEntry {
    const found = this.table.find(demand, this.#deps.clock.now())
    if (typeof found === 'object') return found
    throw denied(demand.caller, demand.need, found)
  }

  allows(caller: Caller, resource: string, right: Right): boolean {
    return this.holds(caller, { resource, right })
  }

  /** Whether the caller holds a capability for this, quotas and sizes aside. */
  holds(caller: Caller, need: Need): boolean {
    return this.table.holds(caller, need, this.#deps.clock.now())
  }

  /**
   * A weaker capability made from `parent`, or from one of the caller's that covers the grant. Not yet in the table.
   * @throws {SomaError} `capability/exceeds-parent`, `capability/not-found`, `resource/exhausted`.
   */
  derive(
    caller: Caller,
    request: { readonly parent?: CapabilityId | undefined; readonly holder: PrincipalId; readonly grant: Grant; readonly label: string },
  ): CapabilityEntry {
    const { holder, grant, label } = request
    if (this.table.size >= CAPABILITIES_MAX)
      throw new SomaError('resource/exhausted', `the table holds its ${CAPABILITIES_MAX} capabilities; revoke some first`)
    const parent = request.parent === undefined ? this.#parentFor(caller, grant) : this.#own(caller, request.parent)
    const why = this.#excess(parent, grant)
    if (why !== undefined)
      throw new SomaError(
        'capability/exceeds-parent',
        `${formatGrant(grant)} cannot be derived from ${parent.id} (${formatGrant(parent.grant)}): ${why}`,
        { details: { parent: parent.id, reason: why } },
      )
    return createEntry(this.#fresh(parent, holder, grant, label))
  }

  /** The entry and its descendants, which the caller may revoke: it holds one of their ancestors, or the entry itself. */
  revocable(caller: Caller, id: CapabilityId): CapabilityEntry {
    const entry = this.table.get(id)
    if (entry?.parent === null)
      throw new SomaError('call/invalid-input', `${id} is the owner’s root: without it nobody could do anything any more`)
    for (let link: CapabilityEntry | null | undefined = entry; link; link = link.parent)
      if (entry && link.holder === caller.principal) return entry
    throw notFound(id)
  }

  #excess(parent: CapabilityEntry, grant: Grant): string | undefined {
    if (parent.depth >= DERIVATION_DEPTH_MAX) return `chains end after ${DERIVATION_DEPTH_MAX} derivations`
    if (isExpired(parent, this.#deps.clock.now())) return 'the parent has expired'
    return excess(parent.grant, grant)
  }

  #own(caller: Caller, id: CapabilityId): CapabilityEntry {
    const entry = this.table.get(id)
    if (entry?.holder !== caller.principal) throw notFound(id)
    return entry
  }

  #parentFor(caller: Caller, grant: Grant): CapabilityEntry {
    const held = [...this.table.heldBy(caller.principal)]
    const parent = held.find((entry) => this.#excess(entry, grant) === undefined) ?? held[0]
    assert(parent, 'a caller who may manage capabilities holds one')
    return parent
  }

  #fresh(parent: CapabilityEntry | null, holder: PrincipalId, grant: Grant, label: string): NewCapability {
    const id = randomId(this.#deps.rng, 'cap') as CapabilityId
    return { id, parent, holder, grant, label, createdAt: this.#deps.clock.now() }
  }
}

function notFound(id: CapabilityId): SomaError {
  return new SomaError('capability/not-found', `no capability ${id} is yours or derived from yours; soma capability list shows them`, {
    details: { capability: id },
  })
}

const refusals: Readonly<Record<Refusal, string>> = {
  none: 'it holds no capability for that',
  expired: 'its capability has expired',
  face: 'its capability is for another face',
  'input-bytes': 'the input has more bytes than its capability allows',
}

function denied({ principal }: Caller, { resource, right }: Need, refusal: Refusal): SomaError {
  const hint = refusal === 'none' ? `; the owner can give one: soma token create --can '${resource}:${right}'` : ''
  return new SomaError('capability/denied', `${principal} may not ${right} ${resource}: ${refusals[refusal]}${hint}`, {
    details: { principal, resource, right, reason: refusal },
  })
}
