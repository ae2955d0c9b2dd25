import type { Effects, Handlers, ValidInput } from '@soma/spec'
import type { KernelDeps } from '../deps.ts'
import type { ActiveCalls } from '../dispatch/active-calls.ts'
import { QUOTA_KIND } from '@soma/store'
import { CAPABILITY_KIND, type Capabilities } from './capabilities.ts'
import { subtree } from './capability-table.ts'
import { type CapabilityEntry, toCapability, toRecord } from './entry.ts'
import { TOKEN_KIND, type Tokens, isTokenHolder, tokenIdOf } from './tokens.ts'

export interface CapabilityHandlerDeps extends KernelDeps {
  readonly capabilities: Capabilities
  readonly tokens: Tokens
  readonly active: ActiveCalls
}

type Wanted = Pick<Handlers, 'capability.list' | 'capability.derive' | 'capability.issue' | 'capability.revoke'>

/**
 * The calls of the capability noun. All are synchronous: what they check still holds when the kernel commits them,
 * which it does in the same turn.
 */
export function createCapabilityHandlers({ clock, capabilities, tokens, active }: CapabilityHandlerDeps): Wanted {
  const shown = (entry: CapabilityEntry) => toCapability(entry, clock.now())
  return {
    'capability.list': ({ holder }, { caller }) => {
      const visible = new Set([...capabilities.table.heldBy(caller.principal)].flatMap(subtree))
      return { capabilities: [...visible].filter((entry) => holder === undefined || entry.holder === holder).map(shown) }
    },

    'capability.derive': (input, { caller, effects }) => {
      const entry = capabilities.derive(caller, withGrant(input))
      stageCapability(effects, capabilities, entry)
      return { capability: shown(entry) }
    },

    'capability.issue': ({ grants, label }, { caller, effects }) => {
      const { text, holder, record } = tokens.issue(label)
      const entries = grants.map((grant) => capabilities.derive(caller, { holder, grant: grant, label }))
      effects.put(TOKEN_KIND, record.id, record)
      effects.committed(() => tokens.add(record))
      for (const entry of entries) stageCapability(effects, capabilities, entry)
      return { token: text, holder, capabilities: entries.map(shown) }
    },

    'capability.revoke': ({ capability }, { caller, effects }) => {
      const root = capabilities.revocable(caller, capability)
      const revoked = subtree(root)
      for (const { id, grant } of revoked) {
        effects.delete(CAPABILITY_KIND, id)
        if (grant.quota) effects.delete(QUOTA_KIND, id)
      }
      const orphans = emptied(capabilities, revoked)
      for (const holder of orphans) effects.delete(TOKEN_KIND, tokenIdOf(holder))
      effects.emit({ name: 'capability.revoked', resource: `capability/${capability}`, data: { revoked: revoked.length } })
      effects.committed(() => {
        capabilities.table.remove(root)
        for (const holder of orphans) tokens.remove(holder)
        active.revoke(revoked)
      })
      return { revoked: revoked.map(({ id }) => id) }
    },
  }
}

function withGrant(input: ValidInput<'capability.derive'>): Parameters<Capabilities['derive']>[1] {
  return { parent: input.parent, holder: input.holder, grant: input.grant, label: input.label }
}

function stageCapability(effects: Effects, capabilities: Capabilities, entry: CapabilityEntry): void {
  effects.put(CAPABILITY_KIND, entry.id, toRecord(entry))
  const { resource } = entry.grant
  effects.emit({ name: 'capability.derived', resource: `capability/${entry.id}`, data: { holder: entry.holder, resource } })
  effects.committed(() => capabilities.table.add(entry))
}

/** Token principals that hold nothing once these entries are gone: their tokens are of no use any more. */
function emptied({ table }: Capabilities, revoked: readonly CapabilityEntry[]): Set<CapabilityEntry['holder']> {
  const gone = new Set(revoked)
  const holders = new Set(revoked.map(({ holder }) => holder).filter(isTokenHolder))
  for (const holder of holders) for (const entry of table.heldBy(holder)) if (!gone.has(entry)) holders.delete(holder)
  return holders
}
