/** The text of a file under /proc or /sys, or undefined. */
export type ReadText = (path: string) => string | undefined

/** What control groups leave this process; `Infinity` where nothing limits it. */
export interface CgroupLimits {
  readonly cpus: number
  readonly memoryBytes: number
  readonly memoryAvailableBytes: number
}

/** Which files of a hierarchy say what. */
interface Hierarchy {
  readonly folders: readonly string[]
  readonly cpus: (folder: string, read: ReadText) => number
  /** Each of them: above the soft one the kernel slows a group down until it stands still. */
  readonly limits: readonly string[]
  readonly usage: string
  /** File cache that the kernel drops before it refuses memory: not really used. */
  readonly reclaimable: string
}

/** The tightest limits of this process's groups and all groups above them, versions 1 and 2. */
export function cgroupLimits(read: ReadText): CgroupLimits {
  const groups = read('/proc/self/cgroup') ?? ''
  const hierarchies = [...versionTwo(groups), ...versionOne(groups)]
  const all = hierarchies.flatMap((hierarchy) => hierarchy.folders.map((folder) => readFolder(hierarchy, folder, read)))
  const least = (key: keyof CgroupLimits): number => Math.min(Infinity, ...all.map((limits) => limits[key]))
  return { cpus: least('cpus'), memoryBytes: least('memoryBytes'), memoryAvailableBytes: least('memoryAvailableBytes') }
}

/** The folder of this process's own group, version 2; undefined without one. Inside a container it is the mount's root. */
export function ownCgroupFolder(read: ReadText): string | undefined {
  const [hierarchy] = versionTwo(read('/proc/self/cgroup') ?? '')
  return hierarchy?.folders.findLast((folder) => read(`${folder}/cgroup.procs`) !== undefined)
}

function readFolder(hierarchy: Hierarchy, folder: string, read: ReadText): CgroupLimits {
  const memoryBytes = Math.min(...hierarchy.limits.map((limit) => toNumber(read(`${folder}/${limit}`), Infinity)))
  const used = toNumber(read(`${folder}/${hierarchy.usage}`), 0)
  const statistics = read(`${folder}/memory.stat`) ?? ''
  const reclaimable = Number(new RegExp(`^${hierarchy.reclaimable} (\\d+)`, 'm').exec(statistics)?.[1] ?? 0)
  const memoryAvailableBytes = Math.max(0, memoryBytes - Math.max(0, used - reclaimable))
  return { cpus: hierarchy.cpus(folder, read), memoryBytes, memoryAvailableBytes }
}

function versionTwo(groups: string): Hierarchy[] {
  const path = /^0::(\/.*)$/m.exec(groups)?.[1]
  if (path === undefined) return []
  const cpus = (folder: string, read: ReadText): number => {
    const [quota, period] = (read(`${folder}/cpu.max`) ?? '').trim().split(/\s+/)
    return ratio(quota, period)
  }
  const names = { limits: ['memory.max', 'memory.high'], usage: 'memory.current', reclaimable: 'inactive_file' }
  return [{ folders: upwards('/sys/fs/cgroup', path), cpus, ...names }]
}

function versionOne(groups: string): Hierarchy[] {
  const cpus = (folder: string, read: ReadText): number =>
    ratio(read(`${folder}/cpu.cfs_quota_us`)?.trim(), read(`${folder}/cpu.cfs_period_us`)?.trim())
  const names = { limits: ['memory.limit_in_bytes'], usage: 'memory.usage_in_bytes', reclaimable: 'total_inactive_file' }
  return ['cpu', 'memory'].flatMap((controller) => {
    const path = new RegExp(`^\\d+:(?:[^:]*,)?${controller}(?:,[^:]*)?:(/.*)$`, 'm').exec(groups)?.[1]
    return path === undefined ? [] : [{ folders: upwards(`/sys/fs/cgroup/${controller}`, path), cpus, ...names }]
  })
}

/**
 * The folder of a group and of each group above it. Inside a container the path may be the host's and not exist;
 * the mount's root is then the container's own group, and is always in the list.
 */
function upwards(mount: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return [...parts.keys(), parts.length].map((count) => [mount, ...parts.slice(0, count)].join('/'))
}

/** Quota over period; `max` and -1 mean no limit. */
function ratio(quota: string | undefined, period: string | undefined): number {
  const value = Number(quota) / Number(period)
  return value > 0 && Number.isFinite(value) ? value : Infinity
}

/** The kernel writes "no limit" as `max`, or in version 1 as a number near 2^63. */
function toNumber(text: string | undefined, otherwise: number): number {
  const value = Number(text?.trim() || Number.NaN)
  return Number.isFinite(value) && value < 2 ** 62 ? value : otherwise
}
