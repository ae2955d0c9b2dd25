import { setPriority } from 'node:os'
import type { MachineReader } from '../hardware/machine-reader.ts'
import { lowerGroupWeight } from './group-weight.ts'
import { processTree } from './process-tree.ts'

/** How a process is made to step back. Each way can be undone, or is not used. */
export type PriorityWay = 'nice' | 'idle-scheduling' | 'session-nice' | 'idle-io' | 'group-weight'

/** Makes processes step back behind everything else, and come back. */
export interface Priorities {
  /** @returns the ways that worked; none for a process that has ended. Never rejects. */
  lower(pid: number): Promise<readonly PriorityWay[]>
  /** Undoes what `lower` did to a process. Never rejects. */
  restore(pid: number): Promise<void>
  /** Undoes what was done to all of them together: those that ended meanwhile are not restored one by one. */
  end(): void
}

export interface PriorityDeps {
  readonly machine: Pick<MachineReader, 'read' | 'list' | 'run' | 'platform'>
  /** Writes one of the kernel's files. @throws when it may not. */
  readonly write: (path: string, text: string) => void
  /** The daemon's. */
  readonly ownPid: number
}

/** The lowest there is: a weight of 15 against 1024 at 0. */
const LOWEST_NICE = 19
const CAP_SYS_NICE = 23n

/**
 * An ordinary user may give priority up and not take it back. Nice values and SCHED_IDLE are used only where they can be
 * undone; elsewhere the nice value of the process's session (`autogroup`), which its owner may change in both directions.
 */
export function createPriorities({ machine, write, ownPid }: PriorityDeps): Priorities {
  const lowered = new Map<number, readonly PriorityWay[]>()
  const isUndoable = mayRaise(machine)
  let restoreGroup: (() => void) | undefined
  return {
    async lower(pid) {
      const { pids, tasks } = processTree(pid, machine)
      if (tasks.length === 0) return []
      restoreGroup ??= lowerGroupWeight({ machine, write, ownPid })
      const ways: PriorityWay[] = restoreGroup ? ['group-weight'] : []
      if (isUndoable && reNice(tasks, LOWEST_NICE)) ways.push('nice')
      if (isUndoable && (await schedule(pids, '--idle', machine))) ways.push('idle-scheduling')
      if (!isUndoable && attempt(() => write(`/proc/${pid}/autogroup`, String(LOWEST_NICE)))) ways.push('session-nice')
      if (await ioClass(tasks, '3', machine)) ways.push('idle-io')
      lowered.set(pid, ways)
      return ways
    },
    async restore(pid) {
      const ways = lowered.get(pid) ?? []
      lowered.delete(pid)
      const { pids, tasks } = processTree(pid, machine)
      if (tasks.length === 0) return
      if (ways.includes('idle-scheduling')) await schedule(pids, '--other', machine)
      if (ways.includes('nice')) reNice(tasks, 0)
      if (ways.includes('session-nice')) attempt(() => write(`/proc/${pid}/autogroup`, '0'))
      // Class 0 is what a process has that never asked: derived from its nice value.
      if (ways.includes('idle-io')) await ioClass(tasks, '0', machine)
    },
    end() {
      lowered.clear()
      if (restoreGroup) attempt(restoreGroup)
      restoreGroup = undefined
    },
  }
}

/** Root, a capability, or a limit that an administrator raised (`nice` in limits.conf: 20 allows 0). */
function mayRaise({ read }: Pick<MachineReader, 'read'>): boolean {
  const capabilities = /^CapEff:\s*([0-9a-f]+)/m.exec(read('/proc/self/status') ?? '')?.[1] ?? '0'
  const limit = Number(/^Max nice priority\s+(\d+)/m.exec(read('/proc/self/limits') ?? '')?.[1] ?? 0)
  return ((BigInt(`0x${capabilities}`) >> CAP_SYS_NICE) & 1n) === 1n || limit >= 20
}

function reNice(tasks: readonly number[], nice: number): boolean {
  return tasks.filter((task) => attempt(() => setPriority(task, nice))).length > 0
}

async function schedule(pids: readonly number[], policy: '--idle' | '--other', { run }: Pick<MachineReader, 'run'>): Promise<boolean> {
  const done = await Promise.all(pids.map((pid) => run(['chrt', '--all-tasks', policy, '--pid', '0', String(pid)])))
  return done.some((output) => output !== undefined)
}

async function ioClass(tasks: readonly number[], number: string, { run }: Pick<MachineReader, 'run'>): Promise<boolean> {
  return (await run(['ionice', '--ignore', '--class', number, '--pid', ...tasks.map(String)])) !== undefined
}

/** A thread may end at any time, and a kernel may lack the file. */
function attempt(action: () => void): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}
