import { ownCgroupFolder } from '../cgroup.ts'
import { type Machine, hostFacts, thisMachine } from '../facts.ts'
import type { MemoryReading } from './pressure.ts'

/** What this process and its children may still take, and how long tasks wait for memory already. Takes about 0.5 ms. */
export function readMemory(machine: Machine = thisMachine()): MemoryReading {
  const { memoryBytes, memoryAvailableBytes } = hostFacts(machine)
  const group = ownCgroupFolder(machine.read)
  const files = ['/proc/pressure/memory', ...(group === undefined ? [] : [`${group}/memory.pressure`])]
  const stalls = files.map((path) => parseStalls(machine.read(path) ?? ''))
  return {
    device: 'memory',
    totalBytes: memoryBytes,
    availableBytes: memoryAvailableBytes,
    stalledPercent: Math.max(...stalls.map(({ some }) => some)),
    allStalledPercent: Math.max(...stalls.map(({ full }) => full)),
  }
}

/** Percent of the last 10 s of a pressure file of the kernel (PSI); 0 where it says nothing. */
export function parseStalls(text: string): { readonly some: number; readonly full: number } {
  const percent = (which: string): number => Number(new RegExp(`^${which} avg10=(\\d+(?:\\.\\d+)?)`, 'm').exec(text)?.[1] ?? 0)
  return { some: percent('some'), full: percent('full') }
}
