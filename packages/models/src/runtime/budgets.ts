import type { HostFacts } from '@soma/spec'
import type { Bytes } from './budget.ts'
import { ACCELERATOR_RESERVE, MEMORY_RESERVE } from './limits.ts'

export interface BudgetOptions {
  /** What models may take of the machine's memory; 0 for what is available. */
  readonly memoryBytesMax: number
  /** What stays free; decided by the size of the machine when absent. */
  readonly memoryReserveBytes?: number | undefined
}

/** What models may take of each kind of memory. */
export class Budgets {
  readonly #hostFacts: () => HostFacts
  /** Memory that engine processes hold now, without pages that the kernel can drop (mapped weights). */
  readonly #heldBytes: () => number
  readonly #options: BudgetOptions
  /** As it was when an accelerator was first seen: then nothing of ours was on it. */
  readonly #accelerators = new Map<string, number>()

  constructor(hostFacts: () => HostFacts, heldBytes: () => number, options: BudgetOptions) {
    this.#hostFacts = hostFacts
    this.#heldBytes = heldBytes
    this.#options = options
  }

  limits(): Bytes {
    const facts = this.#hostFacts()
    for (const { id, unified, memoryBytes, memoryFreeBytes } of facts.accelerators ?? [])
      if (!unified && memoryBytes !== null && !this.#accelerators.has(id))
        this.#accelerators.set(id, Math.floor((memoryFreeBytes ?? memoryBytes) * (1 - ACCELERATOR_RESERVE)))
    return { memory: this.#memory(facts), ...Object.fromEntries(this.#accelerators) }
  }

  /** What models may take when nothing else runs here. */
  most(): Bytes {
    const { memoryBytes, accelerators = [] } = this.#hostFacts()
    const own = accelerators.flatMap(({ id, unified, memoryBytes: bytes }) => (unified || bytes === null ? [] : [[id, bytes] as const]))
    return { memory: this.#memory({ memoryBytes, memoryAvailableBytes: memoryBytes }), ...Object.fromEntries(own) }
  }

  /** What others leave, which includes what is ours already. */
  #memory({ memoryBytes, memoryAvailableBytes }: Pick<HostFacts, 'memoryBytes' | 'memoryAvailableBytes'>): number {
    const { memoryBytesMax, memoryReserveBytes = reserveOf(memoryBytes) } = this.#options
    const left = Math.max(0, Math.min(memoryBytes, memoryAvailableBytes + this.#heldBytes()) - memoryReserveBytes)
    return Math.floor(memoryBytesMax > 0 ? Math.min(left, memoryBytesMax) : left)
  }
}

function reserveOf(memoryBytes: number): number {
  const { share, bytesMin, bytesMax, shareMax } = MEMORY_RESERVE
  return Math.min(memoryBytes * shareMax, Math.max(bytesMin, Math.min(bytesMax, memoryBytes * share)))
}
