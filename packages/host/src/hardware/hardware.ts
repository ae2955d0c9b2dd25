import type { Clock } from '@soma/core'
import type { Accelerator, HostFacts } from '@soma/spec'
import { hostFacts } from '../facts.ts'
import type { MemoryReading } from '../pressure/pressure.ts'
import { readAccelerators } from './accelerators.ts'
import { type CpuModel, readCpuModel, readCpuUse } from './cpu.ts'
import { ACCELERATORS_FRESH_MS } from './limits.ts'
import type { MachineReader } from './machine-reader.ts'
import { containerOf, hugepagesOf } from './places.ts'

/** What a machine offers to models. */
export interface Hardware {
  /**
   * As of now, where looking is cheap: CPUs, memory, load (about 0.8 ms). CPU model and accelerators are as last looked
   * at, and absent before the first `look`.
   */
  facts(): HostFacts
  /** Looks at everything, also through vendors' programs; what is younger than 2 s is taken as it is. Never rejects. */
  look(): Promise<HostFacts>
  /** The accelerators that have memory of their own and say how much of it is free. */
  acceleratorMemory(): Promise<MemoryReading[]>
}

interface Seen {
  readonly cpu: CpuModel
  readonly container: string | null
  readonly accelerators: readonly Accelerator[]
  readonly at: number
}

/** @param deps.machine whose hardware it is. */
export function createHardware(deps: { readonly machine: MachineReader; readonly clock: Clock }): Hardware {
  const { machine, clock } = deps
  let seen: Seen | undefined
  let looking: Promise<Seen> | undefined
  const lookAgain = async (): Promise<Seen> => {
    const accelerators = await readAccelerators(machine)
    const cpu = seen?.cpu ?? (await readCpuModel(machine))
    return (seen = { cpu, accelerators, container: containerOf(machine), at: clock.monotonic() })
  }
  const look = async (): Promise<Seen> => {
    if (seen && clock.monotonic() - seen.at < ACCELERATORS_FRESH_MS) return seen
    looking ??= lookAgain().finally(() => (looking = undefined))
    return await looking
  }
  const facts = (): HostFacts => ({
    ...hostFacts(machine),
    hugepages: hugepagesOf(machine),
    ...(seen && { cpu: { ...seen.cpu, ...readCpuUse(machine) }, accelerators: [...seen.accelerators], container: seen.container }),
  })
  return {
    facts,
    look: async () => (await look(), facts()),
    acceleratorMemory: async () => (await look()).accelerators.flatMap(memoryOf),
  }
}

function memoryOf({ id, unified, memoryBytes, memoryFreeBytes }: Accelerator): MemoryReading[] {
  return unified || memoryBytes === null || memoryFreeBytes === null
    ? []
    : [{ device: id, totalBytes: memoryBytes, availableBytes: memoryFreeBytes }]
}
