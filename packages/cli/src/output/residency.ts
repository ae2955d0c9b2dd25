import type { CallOutput, ResidencySetting } from '@soma/spec'
import type { Paint } from './color.ts'
import { formatFields } from './table.ts'
import { formatBytes } from './units.ts'

/** `timeout=300 pinned`: as it is written on the command line. */
export function formatResidency({ mode, seconds, pinned }: ResidencySetting): string {
  return `${mode}${seconds === undefined ? '' : `=${seconds}`}${pinned ? ' pinned' : ''}`
}

/** `memory  2.1 GB of 16.0 GB`. */
export function formatBudgets(budgets: CallOutput<'model.resident'>['budgets'], paint: Paint): string[] {
  return formatFields(
    budgets.map(({ device, usedBytes, limitBytes }) => [device, `${formatBytes(usedBytes)} of ${formatBytes(limitBytes)}`] as const),
    paint,
  )
}
