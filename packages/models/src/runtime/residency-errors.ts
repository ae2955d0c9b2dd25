import { SomaError, isSomaError } from '@soma/core'
import type { MemoryEstimate } from '@soma/spec'
import { type Bytes, excess } from './budget.ts'
import type { RefuseReason } from './residency-state.ts'

export interface Shortage {
  readonly reason: RefuseReason
  readonly needs: Bytes
  readonly limits: Bytes
  /** What the engine says would take less. */
  readonly smaller: MemoryEstimate['smaller']
}

/** A model that does not fit, with the numbers, and what would. */
export function cannotFit(model: string, { reason, needs, limits, smaller = [] }: Shortage): SomaError {
  const [device = 'memory'] = Object.keys(excess(needs, limits))
  const neededBytes = Math.ceil(needs[device] ?? 0)
  const budgetBytes = Math.floor(limits[device] ?? 0)
  const fitting = smaller.filter(({ residentBytes }) => residentBytes <= (limits['memory'] ?? Infinity))
  const why =
    reason === 'pinned'
      ? `pinned models hold too much of the ${mebibytes(budgetBytes)} MiB that models may use; unpin one`
      : `models may use ${mebibytes(budgetBytes)} MiB there`
  const [best] = fitting
  const hint = best ? `; with ${settingsText(best.settings)} it takes ${mebibytes(best.residentBytes)} MiB` : ''
  const message = `model ${model} needs about ${mebibytes(neededBytes)} MiB of ${device}: ${why}${hint}`
  return memoryShort(message, { model, device, neededBytes, budgetBytes, smaller: fitting })
}

function settingsText(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}

/** Marks a load error that another model's leaving can cure. */
export function memoryShort(message: string, details: Readonly<Record<string, unknown>>): SomaError {
  return new SomaError('resource/exhausted', message, { details: { ...details, resource: 'memory' } })
}

export function isMemoryShort(error: SomaError): boolean {
  return isSomaError(error, 'resource/exhausted') && error.details['resource'] === 'memory'
}

export function stopping(): SomaError {
  return new SomaError('daemon/stopping', 'the daemon is stopping and runs no more models')
}

export function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
