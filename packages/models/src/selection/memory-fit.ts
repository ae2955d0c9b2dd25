import type { DeviceBudget, Pairing, SelectionRequest } from './facts.ts'

/** One kind of memory that a candidate needs. */
interface Need {
  readonly budget: DeviceBudget
  readonly bytes: number
  /** Asked of the engine, or at least the size of the weights. */
  readonly isEstimate: boolean
}

/** Bytes that the candidate takes where it runs: of the machine's memory on the CPU, of the device's own on an accelerator. */
export function neededOn({ device, estimate, accelerator }: Pairing): number {
  const own = estimate?.deviceBytes?.[device]
  if (accelerator?.unified === false && own !== undefined) return own
  return (estimate?.residentBytes ?? 0) + (own ?? 0)
}

/** What is too small for it even when nothing else is in memory. */
export function fitProblems(pairing: Pairing, request: SelectionRequest): string[] {
  return needs(pairing, request)
    .filter(({ budget, bytes }) => bytes > budget.limitBytes)
    .map(({ budget, bytes, isEstimate }) => {
      const what = isEstimate ? `It needs ${gigabytes(bytes)}` : `The weights alone take ${gigabytes(bytes)}`
      return `${what} of ${placeOf(budget.device)}, of which models may use ${gigabytes(budget.limitBytes)}.`
    })
}

/** Whether nothing has to leave for it. */
export function fitsNow(pairing: Pairing, request: SelectionRequest): boolean {
  return needs(pairing, request).every(({ budget, bytes }) => bytes <= budget.limitBytes - budget.usedBytes)
}

function needs(pairing: Pairing, request: SelectionRequest): Need[] {
  const { estimate, device, accelerator } = pairing
  const memory = budgetOf('memory', request) ?? { device: 'memory', limitBytes: request.host.memoryBytes, usedBytes: 0 }
  if (!estimate) return [{ budget: weightsBudget(pairing, request) ?? memory, bytes: request.package.sizeBytes, isEstimate: false }]
  const own = estimate.deviceBytes?.[device] ?? 0
  const isUnified = accelerator?.unified !== false
  const inMemory: Need = { budget: memory, bytes: estimate.residentBytes + (isUnified ? own : 0), isEstimate: true }
  const ownBudget = isUnified ? undefined : acceleratorBudget(pairing, request)
  return ownBudget ? [inMemory, { budget: ownBudget, bytes: own, isEstimate: true }] : [inMemory]
}

/** Where the weights go when nobody was asked. */
function weightsBudget(pairing: Pairing, request: SelectionRequest): DeviceBudget | undefined {
  return pairing.accelerator?.unified === false ? acceleratorBudget(pairing, request) : undefined
}

function acceleratorBudget({ device, accelerator }: Pairing, request: SelectionRequest): DeviceBudget | undefined {
  const given = budgetOf(device, request)
  if (given || typeof accelerator?.memoryBytes !== 'number') return given
  const { memoryBytes: limitBytes, memoryFreeBytes } = accelerator
  return { device, limitBytes, usedBytes: limitBytes - (memoryFreeBytes ?? limitBytes) }
}

function budgetOf(device: string, { budgets }: SelectionRequest): DeviceBudget | undefined {
  return budgets?.find((budget) => budget.device === device)
}

function placeOf(device: string): string {
  return device === 'memory' ? 'memory' : `${device}'s memory`
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(bytes < 1e10 ? 1 : 0)} GB`
}
