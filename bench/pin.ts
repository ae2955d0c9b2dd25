import { execFileSync } from 'node:child_process'

/**
 * Puts processes on one CPU until disposed. Waking a process on another CPU costs 50 to 100 µs in a virtual machine, and whether
 * that happens is up to the scheduler: unpinned, the same ping-pong took 16 µs in one run and 120 µs in the next. Without
 * `taskset` nothing is pinned.
 */
export function pinToOneCpu(pids: readonly number[]): Disposable {
  const before = pids.map((pid) => ({ pid, cpus: affinity(pid) }))
  const [cpu] = before[0]?.cpus?.split(/[,-]/) ?? []
  for (const { pid } of before) if (cpu !== undefined) setAffinity(pid, cpu)
  return {
    [Symbol.dispose]: () => {
      for (const { pid, cpus } of before) if (cpus !== undefined) setAffinity(pid, cpus)
    },
  }
}

function affinity(pid: number): string | undefined {
  return /list: (\S+)/.exec(taskset('-c', '-p', String(pid)))?.[1]
}

function setAffinity(pid: number, cpus: string): void {
  taskset('-a', '-c', '-p', cpus, String(pid))
}

function taskset(...args: readonly string[]): string {
  try {
    return execFileSync('taskset', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch {
    return ''
  }
}
