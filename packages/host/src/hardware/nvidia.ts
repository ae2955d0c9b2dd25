import type { MachineReader } from './machine-reader.ts'
import type { FoundAccelerator } from './accelerators.ts'
import { isJetson, numaNodeOf, vulkanOf } from './places.ts'

const MIB = 1024 * 1024
const query = [
  'nvidia-smi',
  '--query-gpu=name,memory.total,memory.free,driver_version,pci.bus_id',
  '--format=csv,noheader,nounits',
] as const

/** NVIDIA's cards, in the order in which its tools number them. Its program is asked only where its driver is. */
export async function nvidiaGpus(machine: MachineReader): Promise<FoundAccelerator[]> {
  if (isJetson(machine)) return [jetson(machine)]
  const hasDriver = ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'].some((path) => machine.exists(path))
  if (!hasDriver) return []
  const answer = await machine.run(query)
  return answer === undefined ? fromDriver(machine) : answer.split('\n').flatMap((line) => fromLine(line, machine))
}

function fromLine(line: string, machine: MachineReader): FoundAccelerator[] {
  const [name, total, free, driver, bus] = line.split(',').map((field) => field.trim())
  if (name === undefined || bus === undefined) return []
  const slot = slotOf(bus)
  // Chips that share the machine's memory (GB10, Thor) answer `[N/A]`.
  const memoryBytes = mebibytes(total)
  const memory = { memoryBytes, memoryFreeBytes: memoryBytes === null ? null : mebibytes(free), unified: memoryBytes === null }
  return [{ ...nvidia(name, driver ?? null, machine), ...memory, slot, numaNode: numaNodeOf(slot, machine) }]
}

/** The driver is there and its program is not: containers are made so. */
function fromDriver(machine: MachineReader): FoundAccelerator[] {
  const driver = /Kernel Module(?: for \S+)?\s+(\d[\d.]*)/.exec(machine.read('/proc/driver/nvidia/version') ?? '')?.[1] ?? null
  return machine.list('/proc/driver/nvidia/gpus').map((slot) => {
    const model = /^Model:\s*(.+)$/m.exec(machine.read(`/proc/driver/nvidia/gpus/${slot}/information`) ?? '')?.[1]?.trim()
    const memory = { memoryBytes: null, memoryFreeBytes: null, unified: false }
    return { ...nvidia(model ?? 'NVIDIA GPU', driver, machine), ...memory, slot, numaNode: numaNodeOf(slot, machine) }
  })
}

function jetson(machine: MachineReader): FoundAccelerator {
  const board = machine.read('/proc/device-tree/model')?.replaceAll('\0', '').trim() ?? 'NVIDIA Jetson'
  const release = /^# (R\d+).*?REVISION: ([\d.]+)/.exec(machine.read('/etc/nv_tegra_release') ?? '')
  const memory = { memoryBytes: null, memoryFreeBytes: null, unified: true }
  return { ...nvidia(`${board} GPU`, release ? `${release[1]}.${release[2]}` : null, machine), ...memory, slot: null, numaNode: null }
}

function nvidia(
  name: string,
  driver: string | null,
  machine: MachineReader,
): Pick<FoundAccelerator, 'kind' | 'vendor' | 'name' | 'driver' | 'apis'> {
  return { kind: 'gpu', vendor: 'NVIDIA', name, driver, apis: ['cuda', ...vulkanOf(/^nvidia/, machine)] }
}

/** The program writes a domain of eight digits, the kernel one of four. */
function slotOf(bus: string): string {
  return bus.toLowerCase().replace(/^0000(?=[0-9a-f]{4}:)/, '')
}

function mebibytes(text: string | undefined): number | null {
  const value = Number(text)
  return text !== undefined && text !== '' && Number.isFinite(value) ? value * MIB : null
}
