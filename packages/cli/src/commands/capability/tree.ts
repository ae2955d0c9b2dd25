import { type Capability, formatGrant } from '@soma/spec'
import type { CommandContext } from '../../command.ts'
import { type Column, formatTable } from '../../output/table.ts'
import { formatDuration } from '../../output/units.ts'

interface Row {
  readonly capability: Capability
  /** The lines that lead from its parent. */
  readonly branch: string
}

/** Capabilities as the tree that deriving made of them. Those whose parent is not among them are roots. */
export function formatTree(capabilities: readonly Capability[], { terminal, clock }: Pick<CommandContext, 'terminal' | 'clock'>): string[] {
  return formatTable(arrange(capabilities), columns(clock.now()), terminal)
}

function arrange(capabilities: readonly Capability[]): Row[] {
  const known = new Set(capabilities.map((capability) => capability.id))
  const childrenOf = Map.groupBy(capabilities, ({ parent }) => (parent !== null && known.has(parent) ? parent : null))
  const rows: Row[] = []
  const stack = (childrenOf.get(null) ?? []).toReversed().map((capability) => ({ capability, branch: '', indent: '' }))
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { capability, branch, indent } = next
    rows.push({ capability, branch })
    const children = childrenOf.get(capability.id) ?? []
    for (const [index, child] of children.entries().toArray().toReversed()) {
      const last = index === children.length - 1
      stack.push({ capability: child, branch: `${indent}${last ? '└─ ' : '├─ '}`, indent: `${indent}${last ? '   ' : '│  '}` })
    }
  }
  return rows
}

function columns(now: number): ReadonlyArray<Column<Row>> {
  return [
    { title: 'capability', value: ({ capability, branch }) => `${branch}${capability.id}` },
    { title: 'allows', value: ({ capability }) => formatGrant(capability), shrinks: true },
    { title: 'holder', value: ({ capability }) => capability.holder },
    { title: 'expires', value: ({ capability }) => formatExpiry(capability.expiresAt, now) },
    { title: 'limits', value: ({ capability }) => formatLimits(capability), shrinks: true },
    { title: 'label', value: ({ capability }) => capability.label, shrinks: true },
  ]
}

const MINUTE_MS = 60_000

export function formatExpiry(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return 'never'
  if (expiresAt <= now) return 'expired'
  const leftMs = expiresAt - now
  // What was made for 7 days a moment ago does not have 6 days and 23 hours.
  return `in ${formatDuration(leftMs < MINUTE_MS ? leftMs : Math.ceil(leftMs / MINUTE_MS) * MINUTE_MS)}`
}

function formatLimits({ quota, quotaLeft, constraints }: Capability): string {
  const window = quota?.windowMs === undefined ? '' : ` in ${formatDuration(quota.windowMs)}`
  const calls = quota === null ? '' : `${quotaLeft ?? 0} of ${quota.calls} calls left${window}`
  const faces = constraints.faces ? `only ${constraints.faces.join(', ')}` : ''
  const bytes = constraints.inputBytesMax === undefined ? '' : `${constraints.inputBytesMax} bytes a call`
  const priority = constraints.priorityMax === undefined ? '' : `${constraints.priorityMax} at most`
  return [calls, faces, bytes, priority].filter(Boolean).join('; ')
}
