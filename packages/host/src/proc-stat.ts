import { processTree } from './foreground/process-tree.ts'
import { listFolder } from './hardware/list-folder.ts'
import { readSystemFile } from './facts.ts'

/** What tells two processes with the same pid apart: a pid is used again, a pid and its start time never are. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks between boot and the start of the process. */
  readonly startTicks: number
}

/** A process that still runs; undefined when there is none with this pid, when it is a zombie, or without /proc. */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  const stat = readSystemFile(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  // The name is in parentheses and may itself hold spaces and parentheses: fields are counted after the last one.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTicks = Number(fields[18])
  return state === 'Z' || state === 'X' || !Number.isSafeInteger(startTicks) ? undefined : { pid, startTicks }
}

export function isSameProcess(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTicks === identity.startTicks
}

/** Memory of a process that is in RAM now; 0 when it has ended, or without /proc. */
export function processRssBytes(pid: number): number {
  const kib = /^VmRSS:\s*(\d+) kB/m.exec(readSystemFile(`/proc/${pid}/status`) ?? '')?.[1]
  return Number(kib ?? 0) * 1024
}

/** A process and all that it started; just itself without /proc. */
export function processesUnder(pid: number): readonly number[] {
  const { pids } = processTree(pid, { read: readSystemFile, list: listFolder })
  return pids.length > 0 ? pids : [pid]
}

/** Memory of a process that no file backs, which the kernel cannot drop; 0 when it has ended, or without /proc. */
export function processPrivateBytes(pid: number): number {
  const status = readSystemFile(`/proc/${pid}/status`) ?? ''
  const kib = (field: string): number => Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return (kib('RssAnon') + kib('RssShmem')) * 1024
}

/** Differs from boot to boot: start times of an earlier boot say nothing. Empty without /proc. */
export function bootId(): string {
  return (readSystemFile('/proc/sys/kernel/random/boot_id') ?? '').trim()
}
