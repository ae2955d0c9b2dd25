import { writeFile } from 'node:fs/promises'
import { OOM_SCORE_ADDED } from './limits.ts'
import { readSystemFile } from './facts.ts'

/**
 * When the machine runs out of memory after all, the kernel ends this process, whose work can be done again, before the daemon, the
 * desktop or an editor. What it starts later is judged so, too. Does nothing where there is no /proc.
 */
export async function offerToOomKiller(pid: number): Promise<void> {
  const own = Number(readSystemFile('/proc/self/oom_score_adj') ?? Number.NaN)
  if (!Number.isFinite(own)) return
  const score = Math.min(1000, own + OOM_SCORE_ADDED)
  // It may have ended already.
  await writeFile(`/proc/${pid}/oom_score_adj`, `${score}\n`).catch(() => undefined)
}

/** Processes that the kernel has ended for lack of memory since the machine started; 0 where it does not say. */
export function oomKills(): number {
  return Number(/^oom_kill (\d+)$/m.exec(readSystemFile('/proc/vmstat') ?? '')?.[1] ?? 0)
}
