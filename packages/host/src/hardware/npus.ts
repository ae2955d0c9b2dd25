import type { FoundAccelerator } from './accelerators.ts'
import type { MachineReader } from './machine-reader.ts'
import { numaNodeOf } from './places.ts'

/** Drivers of the kernel's accel class → whose they are. */
const drivers: Readonly<Record<string, readonly [vendor: string, name: string]>> = {
  intel_vpu: ['Intel', 'Intel NPU'],
  amdxdna: ['AMD', 'AMD XDNA NPU'],
  habanalabs: ['Intel', 'Intel Gaudi'],
  qaic: ['Qualcomm', 'Qualcomm Cloud AI 100'],
  rocket: ['Rockchip', 'Rockchip NPU'],
}
/** Those with device files of their own: name of the file → whose. */
const files: ReadonlyArray<readonly [file: RegExp, vendor: string, name: string]> = [
  [/^hailo\d+$/, 'Hailo', 'Hailo NPU'],
  [/^apex_\d+$/, 'Google', 'Coral Edge TPU'],
]

/** Neural processors. */
export function npus(machine: MachineReader): FoundAccelerator[] {
  return [...accelClass(machine), ...deviceFiles(machine)]
}

function accelClass(machine: MachineReader): FoundAccelerator[] {
  return machine
    .list('/sys/class/accel')
    .filter((name) => /^accel\d+$/.test(name))
    .map((name) => {
      const uevent = machine.read(`/sys/class/accel/${name}/device/uevent`) ?? ''
      const field = (key: string): string | null => new RegExp(`^${key}=(.*)$`, 'm').exec(uevent)?.[1] ?? null
      const [driver, slot] = [field('DRIVER'), field('PCI_SLOT_NAME')]
      const [vendor, title] = drivers[driver ?? ''] ?? ['unknown', `accelerator ${name}`]
      return { ...npu(vendor, title), driver, slot, numaNode: numaNodeOf(slot, machine) }
    })
}

function deviceFiles(machine: MachineReader): FoundAccelerator[] {
  const present = machine.list('/dev')
  return files.flatMap(([file, vendor, name]) =>
    present.filter((entry) => file.test(entry)).map(() => ({ ...npu(vendor, name), driver: null, slot: null, numaNode: null })),
  )
}

function npu(vendor: string, name: string): Omit<FoundAccelerator, 'driver' | 'slot' | 'numaNode'> {
  return { kind: 'npu', vendor, name, apis: ['accel'], memoryBytes: null, memoryFreeBytes: null, unified: true }
}
