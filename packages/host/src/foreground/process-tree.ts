import type { MachineReader } from '../hardware/machine-reader.ts'
import { TASKS_MAX } from './limits.ts'

/** A process and all that it started, with their threads; empty when it has ended, or without /proc. */
export function processTree(
  pid: number,
  { read, list }: Pick<MachineReader, 'read' | 'list'>,
): { readonly pids: readonly number[]; readonly tasks: readonly number[] } {
  const pids: number[] = []
  const tasks: number[] = []
  const waiting = [pid]
  for (let next = waiting.pop(); next !== undefined && tasks.length < TASKS_MAX; next = waiting.pop()) {
    const own = list(`/proc/${next}/task`).map(Number)
    if (own.length > 0) pids.push(next)
    tasks.push(...own)
    for (const task of own) waiting.push(...numbers(read(`/proc/${next}/task/${task}/children`) ?? ''))
  }
  return { pids, tasks }
}

function numbers(text: string): number[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map(Number)
}
