import { SomaError, isSomaError } from '@soma/core'
import type { MemoryEstimate } from '@soma/spec'
import { type Bytes, excess, isNothing } from './budget.ts'
import { SHORT_RETRY_MS } from './limits.ts'
import type { RefuseReason } from './residency-state.ts'

export interface Shortage {
  readonly reason: RefuseReason
  readonly needs: Bytes
  /** What models may use now. */
  readonly limits: Bytes
  /** What they may use when nothing else runs here. */
  readonly most: Bytes
  /** What the engine says would take less. */
  readonly smaller: MemoryEstimate['smaller']
}

/** A model that does not fit, with the numbers, and what would: for good, or until memory comes back that nobody of ours can take. */
export function cannotFit(model: string, { reason, needs, limits, most, smaller = [] }: Shortage): SomaError {
  const [device = 'memory'] = Object.keys(excess(needs, limits))
  const neededBytes = Math.ceil(needs[device] ?? 0)
  const budgetBytes = Math.floor(limits[device] ?? 0)
  const fitting = smaller.filter(({ residentBytes }) => residentBytes <= (limits['memory'] ?? Infinity))
  const isForGood = reason !== 'pinned' && !isNothing(excess(needs, most))
  const why =
    reason === 'pinned'
      ? `pinned models hold too much of the ${mebibytes(budgetBytes)} MiB that models may use; unpin one`
      : `models may use ${mebibytes(budgetBytes)} MiB there${isForGood ? '' : ' now, and other programs hold the rest'}`
  const [best] = fitting
  const hint = best ? `; with ${settingsText(best.settings)} it takes ${mebibytes(best.residentBytes)} MiB` : ''
  const message = `model ${model} needs about ${mebibytes(neededBytes)} MiB of ${device}: ${why}${hint}`
  const details = { model, device, neededBytes, budgetBytes, smaller: fitting, resource: 'memory' }
  if (isForGood) return new SomaError('resource/exhausted', message, { details, retryable: false })
  const retryAfterMs = reason === 'pinned' ? SHORT_RETRY_MS.pinned : SHORT_RETRY_MS.programs
  return new SomaError('resource/exhausted', message, { details: { ...details, retryAfterMs } })
}

function settingsText(settings: Readonly<Record<string, unknown>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}

/** Whether a load failed because memory was short: another model's leaving can cure that. */
export function isMemoryShort(error: SomaError): boolean {
  return isSomaError(error, 'resource/exhausted') && error.details['resource'] === 'memory'
}

export function stopping(): SomaError {
  return new SomaError('daemon/stopping', 'the daemon is stopping and runs no more models')
}

export function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
