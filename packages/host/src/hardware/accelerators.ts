import type { Accelerator } from '@soma/spec'
import { appleAccelerators } from './apple.ts'
import type { MachineReader } from './machine-reader.ts'
import { npus } from './npus.ts'
import { nvidiaGpus } from './nvidia.ts'
import { pciGpus } from './pci-gpus.ts'

/** An accelerator before it has a number. */
export interface FoundAccelerator extends Omit<Accelerator, 'id'> {
  /** Its PCI address, `0000:03:00.0`; null where it is not on such a bus. */
  readonly slot: string | null
}

/** All accelerators, best first: GPUs with memory of their own by its size, then those that share the machine's, then NPUs. */
export async function readAccelerators(machine: MachineReader): Promise<Accelerator[]> {
  if (machine.platform === 'darwin') return numbered(await appleAccelerators(machine))
  const nvidia = await nvidiaGpus(machine)
  const known = new Set(nvidia.flatMap(({ slot }) => (slot === null ? [] : [slot])))
  // Numbered before they are put in order: `cuda:1` is what NVIDIA's tools call 1.
  return numbered([...nvidia, ...(await pciGpus(machine, known)), ...npus(machine)]).sort(byWorth)
}

/** Each is named after its first interface, and counted within that. */
function numbered(found: readonly FoundAccelerator[]): Accelerator[] {
  const counts = new Map<string, number>()
  return found.map((one) => {
    const { slot, ...accelerator } = one
    void slot
    const prefix = accelerator.kind === 'npu' ? 'npu' : (accelerator.apis[0] ?? 'gpu')
    const index = counts.get(prefix) ?? 0
    counts.set(prefix, index + 1)
    return { id: `${prefix}:${index}`, ...accelerator }
  })
}

function byWorth(a: Accelerator, b: Accelerator): number {
  return worth(b) - worth(a) || (b.memoryBytes ?? 0) - (a.memoryBytes ?? 0)
}

/** What no interface reaches comes last. */
function worth({ kind, unified, apis }: Accelerator): number {
  if (apis.length === 0) return 0
  return kind === 'npu' ? 1 : unified ? 2 : 3
}
