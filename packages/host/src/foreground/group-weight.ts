import { ownCgroupFolder } from '../cgroup.ts'
import type { MachineReader } from '../hardware/machine-reader.ts'
import { processTree } from './process-tree.ts'

/** The least there is; without a setting it is 100. */
const LEAST_WEIGHT = '1'

export interface GroupWeightDeps {
  readonly machine: Pick<MachineReader, 'read' | 'list'>
  readonly write: (path: string, text: string) => void
  /** The daemon, above all whose priority is changed. */
  readonly ownPid: number
}

/**
 * Gives this process's control group the least share of CPU time, when it is ours to change (`Delegate=yes`, or root)
 * and nobody else's processes are in it.
 * @returns how to undo it; undefined when nothing was changed.
 */
export function lowerGroupWeight({ machine, write, ownPid }: GroupWeightDeps): (() => void) | undefined {
  const group = ownCgroupFolder(machine.read)
  const path = `${group}/cpu.weight`
  const before = group === undefined ? undefined : machine.read(path)?.trim()
  if (group === undefined || before === undefined) return undefined
  const ours = new Set(processTree(ownPid, machine).pids)
  const members = (machine.read(`${group}/cgroup.procs`) ?? '').split('\n').filter((line) => line !== '')
  if (members.length === 0 || members.some((pid) => !ours.has(Number(pid)))) return undefined
  try {
    write(path, LEAST_WEIGHT)
  } catch {
    return undefined
  }
  return () => write(path, before)
}
