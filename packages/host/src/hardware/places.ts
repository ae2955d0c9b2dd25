import type { MachineReader } from './machine-reader.ts'

/** The node of memory that a PCI device is near; null where there is only one, or nobody says. */
export function numaNodeOf(slot: string | null, { read }: Pick<MachineReader, 'read'>): number | null {
  const node = slot === null ? Number.NaN : Number.parseInt(read(`/sys/bus/pci/devices/${slot}/numa_node`) ?? '', 10)
  return node >= 0 ? node : null
}

/** NVIDIA's boards on which CPU and GPU are one chip. */
export function isJetson({ read }: Pick<MachineReader, 'read'>): boolean {
  return (read('/proc/device-tree/compatible') ?? '').includes('nvidia,tegra')
}

/** `vulkan` where a driver's file has such a name. The files are looked at, and no driver is started. */
export function vulkanOf(driver: RegExp, { list }: Pick<MachineReader, 'list'>): string[] {
  const files = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d'].flatMap((folder) => list(folder))
  return files.some((file) => driver.test(file) && file.endsWith('.json')) ? ['vulkan'] : []
}

const runtimes: ReadonlyArray<readonly [name: string, mark: RegExp]> = [
  ['kubernetes', /kubepods/],
  ['docker', /\/docker[/-]/],
  ['podman', /libpod/],
  ['lxc', /\/lxc[/.]/],
]

/** What kind of container this is; null on bare metal and in a full virtual machine. */
export function containerOf({ read, exists }: Pick<MachineReader, 'read' | 'exists'>): string | null {
  const groups = read('/proc/self/cgroup') ?? ''
  if (exists('/var/run/secrets/kubernetes.io')) return 'kubernetes'
  const byGroup = runtimes.find(([, mark]) => mark.test(groups))?.[0]
  if (byGroup !== undefined) return byGroup
  if (exists('/run/.containerenv')) return 'podman'
  if (exists('/.dockerenv')) return 'docker'
  // systemd writes it down for its own container and for others.
  const told = read('/run/systemd/container')?.trim()
  if (told) return told
  return /microsoft/i.test(read('/proc/sys/kernel/osrelease') ?? '') ? 'wsl' : null
}

/** Reserved large pages; null where the kernel has none. */
export function hugepagesOf({ read }: Pick<MachineReader, 'read'>): { sizeBytes: number; total: number; free: number } | null {
  const text = read('/proc/meminfo') ?? ''
  const number = (key: string): number => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(text)?.[1])
  const sizeBytes = number('Hugepagesize') * 1024
  return sizeBytes > 0 ? { sizeBytes, total: number('HugePages_Total') || 0, free: number('HugePages_Free') || 0 } : null
}
