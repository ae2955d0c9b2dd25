import type { HostFacts } from '@soma/spec'

/** What is running already, when a model is about to be loaded. */
export interface Running {
  /** CPU threads of models whose calls run now. */
  readonly busyThreads: number
}

/** Runnable tasks that are not ours take their CPUs from us, but never so much that less than this share is left. */
const LEFT_MIN = 1 / 2

/**
 * CPU threads for one model: the CPUs that affinity and the cgroup's quota grant, without those that are busy with other things;
 * never the core count alone. Two threads that wait for each other on busy CPUs are 20 times slower than one: so better too few.
 * Simultaneous multithreading gives nothing to matrix products: physical cores are enough.
 */
export function threadsFor({ cpus, cpu }: Pick<HostFacts, 'cpus' | 'cpu'>, { busyThreads }: Running): number {
  const granted = Math.max(1, Math.floor(Math.min(cpus, cpu?.quota ?? Infinity)))
  const physical = cpu && granted > cpu.cores ? cpu.cores : granted
  const others = Math.max(0, (cpu?.load ?? 0) - busyThreads)
  const free = physical - Math.floor(others)
  return Math.max(1, Math.ceil(physical * LEFT_MIN), Math.min(physical, free))
}
