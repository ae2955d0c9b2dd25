import type { CallOutput, ResidencySetting } from '@soma/spec'
import { formatBytes } from './units.ts'

/** `timeout=300 pinned`: as it is written on the command line. */
export function formatResidency({ mode, seconds, pinned }: ResidencySetting): string {
  return `${mode}${seconds === undefined ? '' : `=${seconds}`}${pinned ? ' pinned' : ''}`
}

/** A row for each kind of memory: `memory  2.1 GB of 16.0 GB`. */
export function budgetFields(budgets: CallOutput<'model.resident'>['budgets']): ReadonlyArray<readonly [device: string, use: string]> {
  return budgets.map(({ device, usedBytes, limitBytes }) => [device, `${formatBytes(usedBytes)} of ${formatBytes(limitBytes)}`])
}
