import type { FoundAccelerator } from './accelerators.ts'
import { parseSysctl } from './cpu.ts'
import type { MachineReader } from './machine-reader.ts'

/** GPU and neural engine of an Apple chip. Macs with Intel CPUs count as having none: Metal on their cards gains nothing. */
export async function appleAccelerators(machine: MachineReader): Promise<FoundAccelerator[]> {
  if (machine.platform !== 'darwin' || machine.arch !== 'arm64') return []
  const chip = parseSysctl((await machine.run(['sysctl', 'hw', 'machdep.cpu'])) ?? '').get('machdep.cpu.brand_string') ?? 'Apple'
  const shared = { vendor: 'Apple', memoryBytes: null, memoryFreeBytes: null, unified: true, driver: null, slot: null, numaNode: null }
  return [
    { ...shared, kind: 'gpu', name: `${chip} GPU`, apis: ['metal'] },
    { ...shared, kind: 'npu', name: `${chip} Neural Engine`, apis: ['coreml'] },
  ]
}
