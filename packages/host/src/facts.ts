import { readFileSync } from 'node:fs'
import { availableParallelism, freemem, totalmem } from 'node:os'
import type { HostFacts } from '@soma/spec'
import { type ReadText, cgroupLimits } from './cgroup.ts'
import { PROC_FILE_BYTES_MAX } from './limits.ts'

/** What a machine says of itself; tests give a recorded one. */
export interface Machine {
  readonly platform: string
  readonly arch: string
  readonly read: ReadText
  /** What Node reports, for systems without /proc. */
  readonly parallelism: number
  readonly memoryBytes: number
  readonly memoryFreeBytes: number
}

/** CPUs and memory that this process may really use: affinity and cgroup limits, not what the board has. */
export function hostFacts(machine: Machine = thisMachine()): HostFacts {
  const { platform, arch, read } = machine
  const memory = parseMeminfo(read('/proc/meminfo') ?? '') ?? { total: machine.memoryBytes, available: machine.memoryFreeBytes }
  const allowed = parseCpuList(/^Cpus_allowed_list:\s*(\S+)/m.exec(read('/proc/self/status') ?? '')?.[1] ?? '')
  const limits = cgroupLimits(read)
  return {
    platform,
    arch,
    cpus: wholeCpus(Math.min(allowed || machine.parallelism, limits.cpus)),
    memoryBytes: Math.min(memory.total, limits.memoryBytes),
    memoryAvailableBytes: Math.min(memory.available, limits.memoryAvailableBytes),
  }
}

/** Rounded down: a thread more than the quota is stopped by the kernel in the middle of its work. */
function wholeCpus(cpus: number): number {
  return Math.max(1, Math.floor(cpus))
}

/** The CPUs of a list like `0-3,8`; 0 when it cannot be read. */
export function parseCpuList(list: string): number {
  const sizes = list.split(',').map((part) => {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part)
    return range ? Number(range[2] ?? range[1]) - Number(range[1]) + 1 : Number.NaN
  })
  const count = sizes.reduce((sum, size) => sum + size, 0)
  return count > 0 ? count : 0
}

/** Total and available bytes of /proc/meminfo; undefined when it is not one. */
export function parseMeminfo(text: string): { readonly total: number; readonly available: number } | undefined {
  const bytes = (key: string): number => Number(new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(text)?.[1]) * 1024
  const total = bytes('MemTotal')
  const available = bytes('MemAvailable')
  return total > 0 && available >= 0 ? { total, available } : undefined
}

/** The machine this process runs on. */
export function thisMachine(): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    read: readSystemFile,
    parallelism: availableParallelism(),
    memoryBytes: totalmem(),
    get memoryFreeBytes() {
      return freemem()
    },
  }
}

/** A file of /proc or /sys; undefined when it is missing or not ours to read. */
export const readSystemFile: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8').slice(0, PROC_FILE_BYTES_MAX)
  } catch {
    return undefined
  }
}
